"""Print how much of the projects' own tables is passed: ``python -m tests.conformance``.

Each row is a table; what is left out has its reason in the test of the same name.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent


class Tally:
    """A plugin that counts outcomes by test function."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one case."""
        name = report.nodeid.partition("[")[0].rpartition("/")[2]
        if "[" not in report.nodeid or (report.when != "call" and report.outcome != "skipped"):
            return
        self.outcomes[name]["left out" if hasattr(report, "wasxfail") else report.outcome] += 1


def main(words: Sequence[str]) -> int:
    """Run the tables, all or the named files, and print a row for each. Returns pytest's exit code."""
    tally = Tally()
    files = [str(HERE / word) for word in words] or [str(HERE)]
    code = pytest.main(
        ["-q", "--no-header", "--no-summary", "-p", "no:cacheprovider", *files], plugins=[tally]
    )
    print()
    for name, counts in sorted(tally.outcomes.items()):
        file, _, test = name.partition("::")
        total, passed = counts.total(), counts["passed"]
        rest = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if outcome != "passed")
        print(
            f"{file.removesuffix('.py').removeprefix('test_'):24} {passed:5} of {total:5}  {test.replace('_', ' ')}"
        )
        if rest:
            print(f"{'':40}{rest}")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
