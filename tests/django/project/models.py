from typing import Any

from django.conf import settings
from django.db import models


class Profile(models.Model):
    user: Any = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    tier: Any = models.CharField(max_length=20, default="free")

    def __str__(self) -> str:
        return f"{self.user}: {self.tier}"
