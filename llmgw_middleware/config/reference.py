"""Writes the table of every key into ``docs/configuration.md``: ``python -m llmgw_middleware.config.reference``.

With ``--check`` nothing is written; the exit code tells whether the page is current.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmgw_middleware.config.unavailable import KEYS, VALUES
from llmgw_middleware.config.words.backend import (
    BackendWord,
    HealthCheckWord,
    MemberWord,
    PoolWord,
    PriceWord,
)
from llmgw_middleware.config.words.condition import Conditions, PathForm, Presence, TextForm, ValueForm
from llmgw_middleware.config.words.configuration import Configuration
from llmgw_middleware.config.words.field import NEEDED, Key
from llmgw_middleware.config.words.gateway import FlagsWord, GatewayWord, GeoWord, IdentityWord, StateWord
from llmgw_middleware.config.words.quirks import CapabilitiesWord, QuirksWord
from llmgw_middleware.config.words.route import (
    MirrorWord,
    RespondWord,
    RewriteWord,
    RouteWord,
    SideWord,
    StreamWord,
)
from llmgw_middleware.config.words.takes import Judged, ListOf, Takes
from llmgw_middleware.config.words.timeout import TimeoutWord
from llmgw_middleware.config.words.traffic import (
    CircuitBreakerWord,
    PerRouteWord,
    PoliciesWord,
    RetryBudgetWord,
    RetryPolicyWord,
    RetryWord,
    SlowCallWord,
)
from llmgw_middleware.config.words.transform import (
    BodyFieldWord,
    ChangesWord,
    FirstChangesWord,
    GatewayTransformWord,
    HeaderWord,
    RequestChangesWord,
    RouteTransformWord,
)
from llmgw_middleware.config.words.trial import CanaryWord, ExperimentWord, RollbackWord, VariantWord
from llmgw_middleware.config.words.word import Word

PAGE = Path("docs/configuration.md")
START = "<!-- keys: generated, do not edit below -->\n"

_SECTIONS: tuple[tuple[str, type[Word], type[Word] | None], ...] = (
    ("The whole configuration", Configuration, None),
    ("gateway", GatewayWord, None),
    ("gateway.transform", GatewayTransformWord, None),
    ("gateway.transform.request, besides the keys of a route's", FirstChangesWord, RequestChangesWord),
    ("timeout", TimeoutWord, None),
    ("identity", IdentityWord, None),
    ("geo", GeoWord, None),
    ("flags", FlagsWord, None),
    ("state", StateWord, None),
    ("routes[]: conditions, also in match[]", Conditions, None),
    ("routes[]", RouteWord, Conditions),
    ("A path as a form", PathForm, None),
    ("A header or query value as a form", TextForm, None),
    ("A body or user value as a form", ValueForm, None),
    ("country as a form", Presence, None),
    ("routes[].backends[]", SideWord, None),
    ("routes[].respond", RespondWord, None),
    ("routes[].mirror", MirrorWord, None),
    ("routes[].rewrite", RewriteWord, None),
    ("routes[].transform", RouteTransformWord, None),
    ("routes[].transform.request", RequestChangesWord, None),
    ("routes[].transform.response", ChangesWord, None),
    ("transform: set[] and add[]", HeaderWord, None),
    ("transform: bodySet[]", BodyFieldWord, None),
    ("routes[].stream", StreamWord, None),
    ("canaries[]", CanaryWord, None),
    ("canaries[].rollback", RollbackWord, None),
    ("experiments[]", ExperimentWord, None),
    ("experiments[].variants[]", VariantWord, None),
    ("backends[]: a backend", BackendWord, None),
    ("backends[].price", PriceWord, None),
    ("backends[].quirks", QuirksWord, None),
    ("backends[].capabilities.<model>", CapabilitiesWord, None),
    ("backends[]: a pool", PoolWord, None),
    ("backends[].backends[]: a pool's member, besides a backend's keys", MemberWord, BackendWord),
    ("backends[].healthCheck", HealthCheckWord, None),
    ("policies", PoliciesWord, None),
    ("retry: of a route, a backend, or policies", RetryWord, None),
    ("retry.budget", RetryBudgetWord, None),
    ("policies.retry, besides the keys of retry", RetryPolicyWord, RetryWord),
    ("policies.retry.perRoute[], besides the keys of retry", PerRouteWord, RetryWord),
    ("policies.circuitBreaker", CircuitBreakerWord, None),
    ("policies.circuitBreaker.slowCall", SlowCallWord, None),
)
"""Headings, words, and the words whose keys stand elsewhere."""


def tables() -> str:
    """Return the generated part of the page."""
    parts = [_section(title, word, beside) for title, word, beside in _SECTIONS]
    return "\n".join([*parts, _unavailable()])


def main(arguments: Sequence[str], page: Path = PAGE) -> int:
    """Write the page, or with ``--check`` compare it; return 0 where it is current."""
    text = page.read_text(encoding="utf-8")
    before, start, _ = text.partition(START)
    if not start:
        sys.stderr.write(f"{page} lacks the line {START}")
        return 2
    wanted = f"{before}{START}\n{tables()}"
    if "--check" in arguments:
        if text != wanted:
            sys.stderr.write(f"{page} is not current: run python -m llmgw_middleware.config.reference\n")
        return int(text != wanted)
    page.write_text(wanted, encoding="utf-8")
    return 0


def _section(title: str, word: type[Word], beside: type[Word] | None) -> str:
    skipped = frozenset(beside.fields) if beside else frozenset()
    rows = [_row(key) for name, key in word.fields.items() if name not in skipped]
    described = (word.__doc__ or "").strip().splitlines()[0]
    head = "| key | takes | default | meaning |\n| --- | --- | --- | --- |"
    return "\n".join([f"### {title}", "", described, "", head, *rows, ""])


def _row(key: Key) -> str:
    cells = (f"`{key.spelled}`", key.kind or _kind(key.takes), _default(key), key.description)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(key: Key) -> str:
    if key.standing is not None:
        return key.standing
    if key.needed:
        return "needed"
    default = key.default
    if default in (None, (), "", NEEDED) or isinstance(default, Word):
        return ""
    return (
        str(default).lower()
        if isinstance(default, bool)
        else f"{default:g}"
        if isinstance(default, float)
        else str(default)
    )


def _kind(takes: Takes) -> str:
    """Return the kind of a word or a list of them; every other type says its own."""
    if isinstance(takes, ListOf):
        return f"list, see {_noun(takes.item)}"
    return f"mapping, see {_noun(takes)}"


def _noun(takes: Any) -> str:
    word: Any = takes.then if isinstance(takes, Judged) else takes
    noun: str = word.noun
    return noun


def _unavailable() -> str:
    rows = [f"| {noun} | {', '.join(f'`{key}`' for key in sorted(keys))} |" for noun, keys in KEYS.items()]
    values = [
        f"| value of `{key}` | {', '.join(f'`{v}`' for v in sorted(words))} |"
        for key, words in VALUES.items()
    ]
    head = "### Not available in this version\n\nThese are refused with the code `not_available`, never ignored.\n"
    return "\n".join([head, "| part | words |", "| --- | --- |", *rows, *values, ""])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
