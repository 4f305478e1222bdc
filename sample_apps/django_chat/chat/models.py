"""What the site knows of a user beyond Django's own fields, and what llmgw.yaml routes by."""

from django.conf import settings
from django.db import models


class Tier(models.TextChoices):
    FREE = "free"
    PREMIUM = "premium"


class Profile(models.Model):
    """llmgw.yaml reads ``user.profile.tier`` and ``user.profile.country``: a change in the admin counts at once."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="profile")
    tier = models.CharField(max_length=16, choices=Tier, default=Tier.FREE)
    country = models.CharField(max_length=2, blank=True, help_text="Two letters of ISO 3166, such as DE.")

    def __str__(self) -> str:
        return f"{self.user.get_username()} ({self.tier})"
