"""What the kernel says of processes and of the machine (Linux)."""

from __future__ import annotations

import os
import platform
import re
import resource
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

PROC = Path("/proc")


def tree(pid: int) -> list[int]:
    """Return ``pid`` and its descendants that still run."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (parent := _parent(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += children.get(each, ())
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process tree, user and system, in seconds.

    The scheduler counts nanoseconds per living thread; the ticks of ``stat`` (10 ms, children that have ended
    included) would be too coarse for runs of a second. Threads that ended are not counted: servers keep theirs.
    """
    return sum(_thread_seconds(task) for each in tree(pid) for task in _tasks(each))


def children_seconds() -> float:
    """Return the CPU seconds of this process's children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory(pid: int) -> float:
    """Return the MB of memory of a process tree, shared pages divided among those who share them."""
    return sum(_pss(each) for each in tree(pid)) / 1024


def busy_seconds() -> float:
    """Return the seconds that all cores together have worked since the start of the machine."""
    ticks = [int(word) for word in (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]]
    idle = ticks[3] + ticks[4]
    return (sum(ticks[:8]) - idle) / os.sysconf("SC_CLK_TCK")


def describe() -> str:
    """Return one line on the machine and the interpreter."""
    found = re.search(r"^model name\s*:\s*(.+)$", (PROC / "cpuinfo").read_text(), re.MULTILINE)
    model = found[1] if found else platform.machine()
    return (
        f"{os.cpu_count()} cores ({model}), Linux {platform.release()}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )


def versions(names: tuple[str, ...]) -> str:
    """Return the installed versions of packages."""
    return ", ".join(f"{name} {found}" for name in names if (found := _version(name)))


def compiled(package: str) -> str:
    """Return how many modules of a package are compiled, in words."""
    count = compiled_modules(package)
    return f"{count} modules of {package} compiled" if count else f"{package} not compiled"


def compiled_modules(package: str) -> int:
    """Return how many modules of a package are compiled."""
    spec = find_spec(package)
    places = (spec and spec.submodule_search_locations) or ()
    return sum(1 for place in places for _ in Path(place).rglob("*.so"))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _tasks(pid: int) -> list[Path]:
    try:
        return list((PROC / str(pid) / "task").iterdir())
    except OSError:
        return []


def _parent(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended meanwhile
        return None


def _thread_seconds(task: Path) -> float:
    try:
        return int((task / "schedstat").read_text().split()[0]) / 1e9
    except OSError:  # it has ended meanwhile
        return 0.0


def _pss(pid: int) -> int:
    try:
        found = re.search(r"^Pss:\s+(\d+)", (PROC / str(pid) / "smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
