"""Prices that nobody configured, from the package ``genai-prices`` (extra ``prices``).

It takes a third of a second to import, so that is done in a thread of its own, once the first answer of a backend without
a price is there; until it is loaded, and for a model that it does not know, the cost is not known. Its updates over the network are never
started: the prices are those of the installed release.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from importlib.util import find_spec

from llmgw_middleware.model.usage import Price, Usage

Calculate = Callable[[str, str, Usage], float | None]
"""Returns the dollars of ``usage`` of a seller's model, None for a model that is not known."""

TIER = 100_000
"""Tokens of a request up to which one rate holds; some makers charge more for what is longer."""

MOST_KNOWN = 1000
"""Models whose rates are remembered; their names come from callers."""

_UNIT = 1000

SELLERS: Mapping[str, str] = {
    "bedrock": "aws",
    "gemini": "google",
    "moonshot": "moonshotai",
    "ovh": "ovhcloud",
    "xai": "x-ai",
}
"""What the package calls a provider or preset, where it is not the same."""


class Catalogue:
    """Looks prices up; the first look begins to load them. Without the package none is ever known. Thread-safe."""

    def __init__(self, load: Callable[[], Calculate] | None = None) -> None:
        self._load = load
        self._calculate: Calculate | None = None
        self._rates: dict[tuple[str, str], Price | None] = {}
        self._lock = threading.Lock()
        self._opened = False

    def __repr__(self) -> str:
        state = "open" if self._calculate is not None else "closed"
        return f"<Catalogue {state}, {len(self._rates)} models>"

    def cost(self, provider: str, model: str | None, usage: Usage) -> float | None:
        """Return the dollars of ``usage`` at a provider or preset, None where they are not known."""
        calculate = self._calculate
        if calculate is None:
            self._open()
            return None
        if not model:
            return None
        seller = SELLERS.get(provider, provider)
        if usage.input > TIER:
            return calculate(seller, model, usage)
        key = (seller, model)
        if key not in self._rates:
            if len(self._rates) >= MOST_KNOWN:
                self._rates.clear()
            self._rates[key] = _rates(calculate, seller, model)
        price = self._rates[key]
        return None if price is None else price.cost(usage)

    def _open(self) -> None:
        with self._lock:
            if self._opened:
                return
            self._opened = True
        if self._load is not None or find_spec("genai_prices") is not None:
            threading.Thread(target=self._fetch, name="llmgw prices", daemon=True).start()

    def _fetch(self) -> None:
        self._calculate = (self._load or _package)()


def _rates(calculate: Calculate, seller: str, model: str) -> Price | None:
    """Return what a token costs, worked out from what a thousand cost."""
    sent = calculate(seller, model, Usage(input=_UNIT))
    said = calculate(seller, model, Usage(output=_UNIT))
    if sent is None or said is None:
        return None
    read = calculate(seller, model, Usage(input=_UNIT, cached=_UNIT))
    written = calculate(seller, model, Usage(input=_UNIT, cache_write=_UNIT))
    return Price(
        input=sent / _UNIT,
        output=said / _UNIT,
        cached_input=None if read is None else read / _UNIT,
        cache_write=None if written is None else written / _UNIT,
    )


def _package() -> Calculate:
    import genai_prices

    def calculate(seller: str, model: str, usage: Usage) -> float | None:
        counts = genai_prices.Usage(
            input_tokens=usage.input,
            output_tokens=usage.output,
            cache_read_tokens=usage.cached,
            cache_write_tokens=usage.cache_write,
        )
        try:
            return float(genai_prices.calc_price(counts, model, provider_id=seller).total_price)
        except (LookupError, ValueError):
            return None

    return calculate
