"""``llmgw experiment``: what several processes have counted is one table."""

from typing import Any

from llmgw_middleware.cli.experiment import merged, text
from llmgw_middleware.model.trial import Experiment, Variant
from llmgw_middleware.policy.experiment import Comparison
from llmgw_middleware.policy.tally import Outcome
from llmgw_middleware.rollouts.status import experiment_status


def answer(pid: int, *, requests: int, weights: tuple[float, float] = (1, 1)) -> dict[str, Any]:
    """What one process answers."""
    variants = tuple(
        Variant(name=name, target=name, weight=weight) for name, weight in zip("ab", weights, strict=True)
    )
    comparison = Comparison(Experiment(name="compare", route="chat", variants=variants))
    for number in range(requests):
        for name in "ab":
            comparison.record(name, Outcome(failed=name == "b" and number % 2 == 0, latency=0.5, tokens=10))
            comparison.tallies[name].units += 1
    return {"pid": pid, "experiments": {"compare": experiment_status(comparison)}}


def test_processes_with_the_same_variants_are_one_experiment():
    [found] = merged([answer(1, requests=30), answer(2, requests=70)], None)
    b = found["variants"][1]
    assert (found["pids"], b["requests"], b["figures"][0]["value"]) == ([1, 2], 100, 0.5)
    assert text(found).startswith("compare  on chat, 2 processes together\n")
    assert "NOT TO BE TRUSTED" not in text(found)


def test_evidence_of_several_processes_adds_up():
    [alone] = merged([answer(1, requests=12)], "compare")
    [together] = merged([answer(pid, requests=12) for pid in range(4)], "compare")
    [p_alone, p_together] = [each["variants"][1]["figures"][0]["p"] for each in (alone, together)]
    assert p_together < p_alone


def test_other_weights_are_another_experiment():
    found = merged([answer(1, requests=5), answer(2, requests=5, weights=(3, 1))], None)
    assert [each["pids"] for each in found] == [[1], [2]]


def test_only_the_one_that_was_asked_for_is_shown():
    assert merged([answer(1, requests=5)], "other") == []
