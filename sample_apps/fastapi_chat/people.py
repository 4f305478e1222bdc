"""What the site knows of its users, and what llmgw.yaml routes by: kept in memory, gone when the site stops."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from starlette.authentication import BaseUser

TIERS = ("free", "premium")


@dataclass(eq=False)
class Person(BaseUser):
    """llmgw.yaml reads ``user.tier`` and ``user.country``: a change counts at the next question."""

    id: str
    tier: str = "free"
    country: str = ""
    staff: bool = False
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)
    digest: bytes = field(default=b"", repr=False)

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        return self.id

    @property
    def identity(self) -> str:
        return self.id

    def digest_of(self, password: str) -> bytes:
        return hashlib.scrypt(password.encode(), salt=self.salt, n=2**14, r=8, p=1)


class People:
    """The three people of the demo, each with the name as password."""

    def __init__(self) -> None:
        everybody = (
            Person("alice"),
            Person("bob", tier="premium"),
            Person("admin", tier="premium", country="DE", staff=True),
        )
        for person in everybody:
            person.digest = person.digest_of(person.id)
        self._people = {person.id: person for person in everybody}

    def __iter__(self) -> Iterator[Person]:
        return iter(self._people.values())

    def get(self, name: str) -> Person | None:
        """Return a person, or None."""
        return self._people.get(name)

    def with_password(self, name: str, password: str) -> Person | None:
        """Return the person whose password it is."""
        person = self.get(name)
        known = person is not None and hmac.compare_digest(person.digest, person.digest_of(password))
        return person if known else None
