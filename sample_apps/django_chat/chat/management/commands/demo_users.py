"""``manage.py demo_users``: alice, bob and admin. Running it again changes nothing."""

from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from chat.models import Profile, Tier


class Person(NamedTuple):
    """The password of each is the name: fit for a demo that listens on this machine only."""

    name: str
    tier: Tier
    country: str = ""
    staff: bool = False


PEOPLE = (
    Person("alice", Tier.FREE),
    Person("bob", Tier.PREMIUM),
    Person("admin", Tier.PREMIUM, country="DE", staff=True),
)


class Command(BaseCommand):
    help = "Create the demo's users where they are missing: alice (free), bob (premium), admin (staff)."

    def handle(self, *_args, **_options) -> None:
        for person in PEOPLE:
            created = self._create(person)
            if created:
                self.stdout.write(f"created {person.name} ({person.tier})")

    def _create(self, person: Person) -> bool:
        user, created = get_user_model().objects.get_or_create(
            username=person.name, defaults={"is_staff": person.staff, "is_superuser": person.staff}
        )
        if created:
            user.set_password(person.name)
            user.save(update_fields=["password"])
        # Separate from the user: what somebody chose in the admin stays.
        Profile.objects.get_or_create(user=user, defaults={"tier": person.tier, "country": person.country})
        return created
