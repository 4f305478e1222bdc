"""The nearest right word for a wrong one."""

from __future__ import annotations

from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that ``word`` most likely meant, whatever its case, hyphens and underscores."""
    from difflib import get_close_matches  # for mistakes only

    folded: dict[str, str] = {}
    for name in known:
        folded.setdefault(_fold(name), name)
    found = get_close_matches(_fold(word), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the hint for a misspelt ``word``, if anything known is near."""
    near = closest(word, known)
    return f'did you mean "{near}"?' if near else None


def _fold(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")
