"""``make matrix``: every test over real servers, on the Python versions that this machine has.

Each pair of a Python and a Django gets an environment of its own, ``.venv-matrix-PYTHON-django-DJANGO``, which is kept.
A version that is not here is named and left out. ``results.md`` beside this file tells what ran and how it went.
``make matrix WORDS='3.12/6 -k django'`` runs one pair and a part of the tests.
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results.md")
PAIRS = (("3.11", "5.2"), ("3.12", "5.2"), ("3.12", "6"), ("3.13", "5.2"), ("3.13", "6"))
"""Python and Django. Django 6 wants Python 3.12."""
DJANGO = {"5.2": "Django>=5.2,<6", "6": "Django>=6,<7"}
PLACES = (
    "tests/e2e",
    "tests/matrix",
    "tests/contract",
    "tests/docs",
    "tests/django",
    "tests/flask",
    "tests/fastapi",
    "tests/asgi",
)
ALSO = ("gevent", "pyuwsgi")
"""Servers that the rows of best effort need."""
COLUMNS = ("first", "T2", "T3", "T4", "T5", "T6", "T7", "T8")
Tally = dict[str, Counter[str]]
Figures = dict[str, defaultdict[str, list[float]]]


def main(words: Sequence[str]) -> int:
    """Run the pairs that ``words`` name (``3.12/6``), or all; return 0 if every test that ran has passed.

    The other words are pytest's. What ``results.md`` tells of other pairs stays.
    """
    chosen = [pair for pair in PAIRS if "/".join(pair) in words] or PAIRS
    others = [word for word in words if tuple(word.split("/")) not in PAIRS]
    worst = 0
    for python, django in chosen:
        name = f"Python {python}, Django {django}"
        interpreter = found(python)
        if interpreter is None:
            say(f"{name}: left out, there is no Python {python} on this machine")
            tell(name, f"Not run: there is no Python {python} on this machine.\n")
            continue
        say(name)
        report = ROOT / ".pytest_cache" / f"matrix-{python}-{django}.xml"
        code = run(prepared(interpreter, python, django), report, others)
        worst = max(worst, code)
        only = f"Only `{shlex.join(others)}`.\n\n" if others else ""
        tell(name, f"{versions(python, django)}\n\n{only}{both(report)}")
    return worst


def tell(name: str, text: str) -> None:
    """Write what a pair has come to, beside what is told of others."""
    told = {**sections(), name: text}
    RESULTS.write_text(HEAD + "".join(f"\n## {name}\n\n{text}" for name, text in sorted(told.items())))
    say(f"written: {RESULTS.relative_to(ROOT)}")


def sections() -> dict[str, str]:
    """Return what was told before, by pair."""
    if not RESULTS.exists():
        return {}
    parts = RESULTS.read_text().split("\n## ")[1:]
    return {name: text for name, _, text in (part.partition("\n\n") for part in parts)}


def say(text: str) -> None:
    sys.stdout.write(f"== {text}\n")
    sys.stdout.flush()


def found(version: str) -> Path | None:
    """Return an interpreter of that version, from PATH or from pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    places = [Path(each, f"python{version}") for each in os.environ.get("PATH", "").split(os.pathsep)]
    places += sorted(pyenv.glob(f"{version}.*/bin/python"))
    return next((each for each in places if each.exists() and runs(each, version)), None)


def runs(interpreter: Path, version: str) -> bool:
    """Whether it is what its name says: pyenv leaves a shim for versions that are not chosen."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() == version


def environment(python: str, django: str) -> Path:
    return ROOT / f".venv-matrix-{python}-django-{django}"


def prepared(interpreter: Path, python: str, django: str) -> Path:
    """Return the Python of an environment with everything in it, made or brought up to date."""
    folder = environment(python, django)
    if not folder.exists():
        subprocess.run([interpreter, "-m", "venv", folder], check=True)
    inside = folder / "bin" / "python"
    install = [str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--editable", f"{ROOT}[dev]", *ALSO, DJANGO[django]], check=True)
    return inside


def run(python: Path, report: Path, words: Sequence[str]) -> int:
    report.parent.mkdir(exist_ok=True)
    command = [str(python), "-m", "pytest", "-m", "", "-q", "-p", "no:cacheprovider"]
    command += ["-o", "junit_family=xunit1", f"--junitxml={report}"]
    return subprocess.run(
        [*command, *(place for place in PLACES if (ROOT / place).exists()), *words], cwd=ROOT, check=False
    ).returncode


def versions(python: str, django: str) -> str:
    """Return what is installed there of frameworks and servers, in words."""
    names = ("Django", "djangorestframework", "Flask", "fastapi", "uvicorn", "gunicorn", "hypercorn")
    code = f"from importlib.metadata import version; print(', '.join(f'{{n}} {{version(n)}}' for n in {names!r}))"
    inside = environment(python, django) / "bin" / "python"
    said = subprocess.run([inside, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    return f"CPython, {said}, {platform.system()}."


def both(report: Path) -> str:
    """Return what a report tells: figures by the rows of the matrix, and counts by test file."""
    cases = list(ET.parse(report).iter("testcase"))
    return f"{measured(figures(cases))}\n{table(tallied(cases))}"


def figures(cases: Iterable[ET.Element]) -> Figures:
    """Return what was measured, by row and column, and how many tests failed; rows as they come."""
    found: Figures = {}
    for case in cases:
        noted = [(each.get("name") or "", each.get("value") or "") for each in case.iter("property")]
        row = next((value for name, value in noted if name == "row"), None)
        if row is None:
            continue
        of_row = found.setdefault(row, defaultdict(list))
        for name, value in noted:
            if name.startswith("measured "):
                of_row[name.removeprefix("measured ")].append(float(value))
        if outcome(case) == "failed":
            of_row["failed"] = [sum(of_row["failed"]) + 1]
    return found


def measured(found: Figures) -> str:
    """Return the table of figures; the worst of several is shown."""
    columns = (*COLUMNS, "failed")
    lines = [
        cells([name, *(f"{max(of_row[each]):g}" if of_row[each] else "" for each in columns)])
        for name, of_row in found.items()
    ]
    if not lines:
        return ""
    return "\n".join([cells(["row", *columns]), cells(["---"] * (len(columns) + 1)), *lines, ""])


def tallied(cases: Iterable[ET.Element]) -> Tally:
    """Count the results by test file."""
    tally: Tally = defaultdict(Counter)
    for case in cases:
        file = (case.get("classname") or "").removeprefix("tests.").split(".Test")[0]
        tally[file][outcome(case)] += 1
    return tally


def outcome(case: ET.Element) -> str:
    tags = {child.tag for child in case}
    return "failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed"


def table(tally: Tally) -> str:
    """Return the counts as a table."""
    heads = ["| tests | passed | failed | skipped |", "| --- | --- | --- | --- |"]
    return "\n".join([*heads, *rows(tally)]) + "\n"


def rows(tally: Tally) -> Iterator[str]:
    for file, counts in sorted(tally.items()):
        yield cells([f"`{file}`", *(str(counts[each] or "") for each in ("passed", "failed", "skipped"))])


def cells(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


HEAD = """\
# What ran

Written by `make matrix`. The rows are an application and a server, of which real sockets and a scripted upstream ask the same:

| column | in seconds, the worst of all that was tried, if nothing else is said |
| --- | --- |
| first | from the request to the first word, where the upstream answers at once; all ten events come one by one |
| T2, T3 | until the upstream sees that a caller has left: amid events, and in silence |
| T4 | the same before anything came, of a stream and of an answer that is none; empty where a server shows nobody its socket |
| T5, T6 | until a server that is told to stop has ended: idle, and with an open stream, whose grace is two seconds |
| T7 | MiB by which the server grows while a caller reads nothing of 190 MB |
| T8 | callers who leave in each of five phases; afterwards every lease, connection and task is given back |

Below them the tests of each door, counted by file. Skipped are promises that a server cannot keep, each with its reason in the test.

Not run, and so not promised: granian, daphne, mod_wsgi, Windows, PyPy, free-threaded builds, HTTP/2, TLS between caller and server.
gevent and uWSGI are best effort: their rows say what was seen.
"""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
