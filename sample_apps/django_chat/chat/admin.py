"""Tier and country on the user's own page of the admin: where a person is made premium with two clicks."""

from typing import ClassVar

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin

from chat.models import Profile


class ProfileInline(admin.StackedInline):
    model = Profile
    can_delete = False


class UserWithProfileAdmin(UserAdmin):
    inlines: ClassVar = [ProfileInline]
    list_display: ClassVar = ["username", "tier", "country", "is_staff"]
    list_select_related: ClassVar = ["profile"]

    @admin.display(ordering="profile__tier")
    def tier(self, user) -> str:
        return user.profile.tier if hasattr(user, "profile") else "–"

    @admin.display(ordering="profile__country")
    def country(self, user) -> str:
        return user.profile.country if hasattr(user, "profile") else "–"


admin.site.unregister(get_user_model())
admin.site.register(get_user_model(), UserWithProfileAdmin)
