from django.urls import path, re_path

from tests.django.project import views

urlpatterns = [
    path("held", views.held),
    path("inside", views.inside),
    path("protected", views.protected),
    path("v1/who", views.who),
    path("v1/protected", views.protected),
    re_path("^.*$", views.echo),
]
