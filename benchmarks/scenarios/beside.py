"""The gateway beside the floor: in every form in which it is here."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.lab import Lab, Load, Sample
from benchmarks.systems import floor, forms

Measured = dict[str, list[Sample]]
"""By form, as a table names it."""


def beside_floor(
    lab: Lab, *loads: Load, origin: str | None = None, **env: str
) -> list[tuple[list[Sample], Measured]]:
    """Run each load against the floor and the gateway; return for each the floor's samples and the gateway's."""
    where = lab.origin if origin is None else origin
    with ExitStack() as stack:
        least = stack.enter_context(lab.running(floor(where, **env)))
        ours = {form: stack.enter_context(lab.running(one)) for form, one in forms(where, **env).items()}
        found = []
        for load in loads:
            base, *samples = lab.compare([least, *ours.values()], load)
            found.append((base, dict(zip(ours, samples, strict=True))))
        return found
