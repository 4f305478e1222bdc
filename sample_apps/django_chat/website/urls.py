"""The pages of the site. The paths under /v1/ are not among them: the gateway answers those before Django looks here."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from chat import views
from chat.policy import strict_policy

urlpatterns = [
    path("", views.chat, name="chat"),
    path("me", views.me, name="me"),
    path("demo/providers", views.providers, name="providers"),
    path("login/", strict_policy(LoginView.as_view(redirect_authenticated_user=True)), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
]
