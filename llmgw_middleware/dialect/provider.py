"""Provider profiles: where a backend lives and what it wants, as rows of data. A new row is no code."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote

from llmgw_middleware.dialect.capability import Capabilities, CapabilityValue, capabilities_of, said_of
from llmgw_middleware.dialect.presets import PRESETS
from llmgw_middleware.dialect.quirks import Quirks, over
from llmgw_middleware.model.backend import Backend, Secret
from llmgw_middleware.model.http import Header

Dialect = Literal["openai", "responses", "anthropic", "gemini", "converse"]
"""A wire format: which conversations a backend can have."""

ANTHROPIC_VERSION = "2023-06-01"
"""What is sent to an Anthropic backend where nobody says otherwise."""

_PLACE = re.compile(r"\{(\w+)\}")
_HEADER = "header:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One provider, or one backend's row after its configuration was laid over it.

    ``url`` is the default address, with places such as ``{region}`` to be filled from the keys of that name (None: the
    configuration must name one); ``base`` the path that is added to an address without one (None: such a backend is
    bare). ``auth`` says how the key is sent: ``bearer``, ``header:<name>``, ``sigv4``, ``oauth``; ``signs_as`` is the
    service that a SigV4 signature names, ``tokens_of`` whose OAuth tokens are wanted. ``version`` is the value of
    ``version_header``, or of Azure's ``api-version``. ``family`` is who mints opaque carriers such as signatures. ``dated`` marks Azure's older form, in which a path names
    the ``deployment`` (None: the model) and the query an ``api-version``. ``pinned``: the configuration gave the version.
    """

    name: str
    dialect: Dialect
    url: str | None = None
    base: str | None = None
    auth: str = "bearer"
    signs_as: str = "bedrock"
    tokens_of: Literal["google", "entra"] = "google"
    version: str | None = None
    version_header: bytes | None = None
    pinned: bool = False
    family: str = ""
    region: str | None = None
    deployment: str | None = None
    dated: bool = False
    keyless: bool = False
    quirks: Quirks = Quirks()
    capabilities: Mapping[str, Mapping[str, CapabilityValue]] = field(default_factory=dict)

    @property
    def stream_usage(self) -> bool:
        """Whether streams may be asked for their usage chunk (``stream_options``)."""
        return self.quirks.stream_options

    def path(self, path: str, model: str | None) -> str:
        """Return the path of an operation below the backend's address, with its query if it has one.

        Raises ValueError where the address needs a model and there is none.
        """
        if not self.dated:
            return path
        name = self.deployment or model
        if not name:
            raise ValueError("the address of a deployment needs its name or a model")
        return f"/openai/deployments/{quote(name, safe='')}{path}?api-version={quote(self.version or '', safe='')}"

    def check_path(self, path: str) -> str:
        """Return where a health check asks; ``/models`` stands for whatever lists models here."""
        if path != "/models":
            return path
        if self.dated:
            return f"/openai/models?api-version={quote(self.version or '', safe='')}"
        return self.quirks.models_path

    def can(self, model: str | None) -> Capabilities:
        """Return what one model of this backend can do."""
        return capabilities_of(model, said_of(model, self.capabilities))

    def authorization(self, secret: Secret | None) -> tuple[Header, ...]:
        """Return the header that carries ``secret``; without a secret, or where calls are signed, none.

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
        if self.auth.startswith(_HEADER):
            return ((self.auth.removeprefix(_HEADER).lower().encode("ascii"), key.encode("ascii")),)
        return () if self.auth == "sigv4" else ((b"authorization", b"Bearer " + key.encode("ascii")),)


_ROWS = (
    Profile(
        name="openai",
        dialect="openai",
        url="https://api.openai.com/v1",
        family="openai",
        quirks=Quirks(responses=True),
    ),
    Profile(name="openai-compatible", dialect="openai", quirks=Quirks(developer_role=False)),
    Profile(
        name="anthropic",
        dialect="anthropic",
        url="https://api.anthropic.com/v1",
        base="/v1",
        auth="header:x-api-key",
        version=ANTHROPIC_VERSION,
        version_header=b"anthropic-version",
        family="anthropic",
    ),
    Profile(
        name="gemini",
        dialect="gemini",
        url="https://generativelanguage.googleapis.com/v1beta",
        base="/v1beta",
        auth="header:x-goog-api-key",
        family="google",
    ),
    Profile(
        name="azure",
        dialect="openai",
        base="/openai/v1",
        auth="header:api-key",
        tokens_of="entra",
        family="openai",
        quirks=Quirks(responses=True),
    ),
    Profile(
        name="bedrock",
        dialect="converse",
        url="https://bedrock-runtime.{region}.amazonaws.com",
        base="",
        auth="sigv4",
        family="anthropic",
    ),
    Profile(name="mock", dialect="openai", url="http://127.0.0.1:9000/v1"),
)

PROFILES: Mapping[str, Profile] = MappingProxyType({row.name: row for row in _ROWS})
"""Every provider by the name that ``provider:`` gives it."""

APIS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "openai": ("chat", "responses"),
        "openai-compatible": ("chat", "responses"),
        "azure": ("chat", "responses"),
        "bedrock": ("converse", "mantle", "mantle/openai", "mantle/anthropic"),
        "mock": ("chat", "messages", "gemini", "converse"),
    }
)
"""The values of ``api`` by provider; the first is the default."""


def profile(name: str) -> Profile:
    """Return the provider's row. Raises KeyError, with the names there are, for any other."""
    found = PROFILES.get(name)
    if found is None:
        raise KeyError(f"no provider is called {name!r}; there are {', '.join(PROFILES)}")
    return found


def profile_of(backend: Backend) -> Profile:
    """Return the row of a backend's provider with preset, ``api``, credentials and quirks laid over it.

    ``url`` is still a template; ``places`` says what it lacks. Raises KeyError for names that there are not.
    """
    row = _row(backend)
    return replace(
        row,
        auth=backend.auth or row.auth,
        version=backend.api_version or row.version,
        pinned=backend.api_version is not None,
        region=backend.region,
        quirks=over(row.quirks, backend.quirks),
        capabilities=backend.capabilities,
    )


def _row(backend: Backend) -> Profile:
    row = profile(backend.provider)
    if backend.preset is not None:
        preset = PRESETS[backend.preset]
        row = replace(row, url=preset.url, quirks=preset.quirks, keyless=preset.keyless, family=preset.name)
    api = backend.api or next(iter(APIS.get(row.name, ())), "")
    form = _FORMS.get(row.name)
    if form is not None:
        return form(row, backend, api)
    return replace(row, dialect="responses") if api == "responses" else row


def _mock(row: Profile, _: Backend, api: str) -> Profile:
    other, path = _MOCKED.get(api, ("", ""))
    if not other:
        return row
    like = replace(profile(other), name=row.name, url=(row.url or "").removesuffix("/v1") + path, base=path)
    return replace(like, auth="bearer") if like.auth == "sigv4" else like


def _azure(row: Profile, backend: Backend, api: str) -> Profile:
    """Azure has two forms: ``/openai/v1``, or a deployment's own path with a dated ``api-version``."""
    if api == "responses":
        row = replace(row, dialect="responses")
    if backend.api_version is None:
        return row
    return replace(
        row, base="", dated=True, deployment=backend.deployment, quirks=replace(row.quirks, responses=False)
    )


def _gemini(row: Profile, backend: Backend, _: str) -> Profile:
    if backend.project is None:
        version = backend.api_version or "v1beta"
        return replace(row, url=f"https://generativelanguage.googleapis.com/{version}", base=f"/{version}")
    version = backend.api_version or "v1beta1"
    place = backend.location or "global"
    host = "aiplatform.googleapis.com" if place == "global" else f"{place}-aiplatform.googleapis.com"
    base = f"/{version}/projects/{{project}}/locations/{place}/publishers/google"
    return replace(row, url=f"https://{host}{base}", base=base, auth="oauth")


def _bedrock(row: Profile, backend: Backend, api: str) -> Profile:
    if backend.api_keys and backend.auth is None:
        row = replace(row, auth="bearer")
    if not api.startswith("mantle"):
        return row
    claude = api == "mantle/anthropic" or (api == "mantle" and _only_claude(backend))
    like = profile("anthropic" if claude else "openai")
    path = "/anthropic/v1" if claude else "/openai/v1"
    return replace(
        like,
        name=row.name,
        url=f"https://bedrock-mantle.{{region}}.api.aws{path}",
        base=path,
        auth=row.auth,
        signs_as="bedrock-mantle",
    )


_FORMS: Mapping[str, Callable[[Profile, Backend, str], Profile]] = {
    "azure": _azure,
    "bedrock": _bedrock,
    "gemini": _gemini,
    "mock": _mock,
}
"""Providers with more than one form, by name."""

_MOCKED = {"messages": ("anthropic", "/v1"), "gemini": ("gemini", "/v1beta"), "converse": ("bedrock", "")}
"""Whose interface a mock can show, and the path below its origin."""


def _only_claude(backend: Backend) -> bool:
    """Whether every model that this backend names is Anthropic's: mantle speaks Messages for those."""
    named = [backend.model] if backend.model is not None else list(backend.models.values())
    return bool(named) and all("claude" in name for name in named)


def places(template: str) -> tuple[str, ...]:
    """Return the names of the places that an address leaves open."""
    return tuple(_PLACE.findall(template))


def filled(template: str, known: Mapping[str, str | None]) -> str:
    """Return an address with its places filled; what is not known stays open."""
    return _PLACE.sub(lambda found: quote(known.get(found[1]) or "", safe="") or found[0], template)
