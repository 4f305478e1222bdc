"""``python -m benchmarks SCENARIO…``: measures, prints tables, and with ``--write`` puts them into RESULTS.md."""

from __future__ import annotations

import argparse
import signal
import sys

from benchmarks import results
from benchmarks.figures import table
from benchmarks.lab import Failed, Lab
from benchmarks.scenarios import QUICK, SCENARIOS, about


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    listing = "\n".join(f"  {name:14} {about(name)}" for name in SCENARIOS)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=f"scenarios:\n{listing}\n  quick          {', '.join(QUICK)}\n  all            all of them",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", nargs="+", choices=[*SCENARIOS, "quick", "all"], metavar="SCENARIO")
    parser.add_argument("--rounds", type=int, default=3, help="how often each system is measured (3)")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the length of every run (1)")
    parser.add_argument("--write", action="store_true", help="put the tables into RESULTS.md")
    return parser.parse_args(argv)


def names(asked: list[str]) -> list[str]:
    """Return the scenarios that are meant, each once, in the order of the table."""
    meant = {*asked, *(QUICK if "quick" in asked else ()), *(SCENARIOS if "all" in asked else ())}
    return [name for name in SCENARIOS if name in meant]


def main(argv: list[str] | None = None) -> int:
    """Run the scenarios; returns 1 when one could not be measured. A missed target is a result, not a failure."""
    asked = arguments(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves the blocks, which end what was started
    failed = 0
    for name in names(asked.scenario):
        print(f"\n{name}: {about(name)}", flush=True)
        try:
            with Lab(rounds=asked.rounds, scale=asked.scale) as lab:
                lines = SCENARIOS[name](lab)
                print(table(lines), flush=True)
                if asked.write:
                    found = results.section(name, about(name), lines, lab)
                    before = results.FILE.read_text() if results.FILE.exists() else ""
                    results.FILE.write_text(results.merged(before, {name: found}, list(SCENARIOS)))
        except Failed as error:
            print(f"not measured: {error}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
