"""What the site knows of its users, and what llmgw.yaml routes by: kept in memory, gone when the site stops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask_login import UserMixin
from werkzeug.security import check_password_hash, generate_password_hash

TIERS = ("free", "premium")


@dataclass(eq=False)
class Person(UserMixin):
    """llmgw.yaml reads ``user.tier`` and ``user.country``: a change counts at the next question."""

    id: str
    password_hash: str
    tier: str = "free"
    country: str = ""
    staff: bool = False


class People:
    """The three people of the demo, each with the name as password."""

    def __init__(self) -> None:
        self._people = {
            person.id: person
            for person in (
                Person("alice", generate_password_hash("alice")),
                Person("bob", generate_password_hash("bob"), tier="premium"),
                Person("admin", generate_password_hash("admin"), tier="premium", country="DE", staff=True),
            )
        }

    def __iter__(self) -> Iterator[Person]:
        return iter(self._people.values())

    def get(self, name: str) -> Person | None:
        """Return a person, or None: what Flask-Login asks for the name in a session."""
        return self._people.get(name)

    def with_password(self, name: str, password: str) -> Person | None:
        """Return the person whose password it is."""
        person = self.get(name)
        return person if person and check_password_hash(person.password_hash, password) else None
