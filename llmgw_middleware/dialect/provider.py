"""Provider profiles: where a backend lives and what it wants, as rows of data. A new row is no code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from llmgw_middleware.model.backend import Secret
from llmgw_middleware.model.http import Header


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One provider.

    ``url`` is the default address (None: the configuration must name one); ``auth`` how the key is sent;
    ``stream_usage`` whether streams may be asked for their usage chunk (``stream_options``).
    """

    name: str
    dialect: Literal["openai"]
    url: str | None = None
    auth: Literal["bearer"] = "bearer"
    stream_usage: bool = True

    def authorization(self, secret: Secret | None) -> tuple[Header, ...]:
        """Return the header that carries ``secret``; without a secret, none.

        Raises ValueError for a key that no header can carry, such as one with a line break; the text does not
        show it.
        """
        if secret is None:
            return ()
        key = secret.reveal()
        if not (key.isascii() and key.isprintable()):
            raise ValueError(
                f"the key of a {self.name} backend holds a character that no header can carry; look for a "
                "line break or a quote that was copied along"
            )
        return ((b"authorization", b"Bearer " + key.encode("ascii")),)


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        row.name: row
        for row in (
            Profile(name="openai", dialect="openai", url="https://api.openai.com/v1"),
            Profile(name="openai-compatible", dialect="openai"),
            Profile(name="mock", dialect="openai", url="http://127.0.0.1:9000/v1"),
        )
    }
)
"""Every provider by the name that ``provider:`` gives it."""


def profile(name: str) -> Profile:
    """Return the provider's row. Raises KeyError, with the names there are, for any other."""
    found = PROFILES.get(name)
    if found is None:
        raise KeyError(f"no provider is called {name!r}; there are {', '.join(PROFILES)}")
    return found
