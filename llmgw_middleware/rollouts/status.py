"""What is known of canaries and experiments, in words and as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgw_middleware.policy.experiment import Comparison
from llmgw_middleware.policy.rollout import Change, Rollout
from llmgw_middleware.policy.tally import Tally


def line(change: Change) -> str:
    """Return a change on one line.

    >>> line(Change(canary="new", kind="promoted", stage=1, weight=0.05, reason="by hand", by="hand"))
    'canary new promoted to 5 % (stage 2): by hand'
    """
    what = change.kind.replace("_", " ")
    share = f"{change.weight * 100:.3g} %"
    where = "" if change.kind == "rolled_back" else f" to {share} (stage {change.stage + 1})"
    where = (
        f" at {share} (stage {change.stage + 1})"
        if change.kind in ("paused", "resumed", "completed")
        else where
    )
    return f"canary {change.canary} {what}{where}: {change.reason or change.by}"


def canary_status(machine: Rollout, now: float) -> dict[str, Any]:
    """Return what is known of a canary."""
    rules, standing = machine.rules, machine.standing(now)
    return {
        "route": rules.route,
        "stable": rules.stable,
        "canary": rules.canary,
        "status": standing.status,
        "epoch": standing.epoch,
        "stage": standing.stage + 1,
        "stages": list(rules.stages),
        "weight": machine.weight,
        "elapsed": round(standing.elapsed, 1),
        "stageDuration": rules.stage_duration,
        "reason": standing.reason,
        "waitingFor": machine.waiting_for(now),
        "sides": {
            side: _side(tally) for side, tally in (("stable", machine.stable), ("canary", machine.canary))
        },
        "findings": [
            {
                "rule": f.rule,
                "canary": f.canary,
                "stable": f.stable,
                "limit": f.limit,
                "certainty": max(0.0, min(1.0, f.evidence / f.needed)),
            }
            for f in machine.findings()
        ],
    }


def _side(tally: Tally) -> Mapping[str, Any]:
    return {
        "requests": tally.requests,
        "errors": tally.failed,
        "errorRate": tally.failures.rate if tally.judged else None,
        "p50": tally.times.quantile(0.5),
        "p90": tally.times.quantile(0.9),
        "signals": {name: moments.count for name, moments in tally.signals.items()},
    }


def experiment_status(comparison: Comparison) -> dict[str, Any]:
    """Return what is known of an experiment."""
    report = comparison.report()
    return {
        "route": comparison.rules.route,
        "trustworthy": report.trustworthy,
        "mismatch": report.mismatch,
        "variants": [
            {
                "name": arm.variant,
                "share": arm.share,
                "requests": arm.requests,
                "units": arm.units,
                "counts": comparison.tallies[arm.variant].counts(),
                "figures": [
                    {
                        "measure": f.measure,
                        "value": f.value,
                        "low": f.low,
                        "high": f.high,
                        "count": f.count,
                        "p": f.p,
                    }
                    for f in arm.figures
                ],
            }
            for arm in report.arms
        ],
    }
