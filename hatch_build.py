"""Compiles the path of a request with mypyc where ``LLMGW_COMPILE=1`` asks for it; else the package is Python as it stands.

Which modules are compiled stands in ``pyproject.toml``. An editable installation gets them beside their sources, where
the next one that does not ask for them, or ``make plain``, removes them; a wheel gets both, and runs the compiled ones.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WANTED = os.environ.get("LLMGW_COMPILE") == "1"
COMPILER = ("mypy[mypyc]==2.4.1", "setuptools>=77", "types-cachetools", "types-PyYAML")
"""Pinned: what another version makes of the same sources has to be tested first."""

_SETUP = """
import sys
from mypyc.build import mypycify
from setuptools import setup

setup(name="llmgw", packages=[], py_modules=[], ext_modules=mypycify(
    ["--ignore-missing-imports", *sys.stdin.read().split()],
    opt_level="3", debug_level="0", multi_file=True, group_name="llmgw",
))
"""


class Compilation(BuildHookInterface[Any]):
    """A build hook of hatchling (hatch.pypa.io, "Custom build hook")."""

    def dependencies(self) -> list[str]:
        """Return what compiling takes: mypy reads the types of what is imported, too."""
        return [*COMPILER, *self.metadata.core.dependencies] if WANTED else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and hand over what was built."""
        root, work, began = Path(self.root), Path(self.directory) / "compiled", time.time()
        if version == "editable":
            remove_compiled(root)
        if not WANTED or self.target_name != "wheel":
            return
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(root / "llmgw_middleware", work / "llmgw_middleware", ignore=_not_a_source)
        self._compile(root, work)
        for library in work.rglob("*.so"):
            place = library.relative_to(work)
            if version == "editable":
                shutil.copy(library, root / place)
                os.utime(root / place, (began, began))  # a source that changed meanwhile is newer
            else:
                build_data["force_include"][str(library)] = str(place)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def _compile(self, root: Path, work: Path) -> None:
        modules = [str(path.relative_to(root)) for path in modules_of(root, self.config)]
        (work / "setup.py").write_text(_SETUP)
        jobs = ("--parallel", str(os.cpu_count() or 1))
        temporary = ("--build-lib", "lib", "--build-temp", "temp")
        done = subprocess.run(  # noqa: S603 - its words are our own
            (sys.executable, "setup.py", "build_ext", *temporary, *jobs),
            cwd=work,
            input="\n".join(modules),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"the path of a request cannot be compiled:\n{done.stdout[-4000:]}")
        shutil.copytree(work / "lib", work, dirs_exist_ok=True)
        shutil.rmtree(work / "lib")


def modules_of(root: Path, config: Mapping[str, Sequence[str]]) -> list[Path]:
    """Return the modules that ``compiled`` names and ``plain`` does not. ValueError: a pattern that names none."""
    return sorted(set(_named(root, config, "compiled")) - set(_named(root, config, "plain")))


def compiled_in(root: Path) -> list[Path]:
    """Return the compiled modules that stand beside their sources."""
    return sorted((root / "llmgw_middleware").rglob("*.so"))


def remove_compiled(root: Path) -> None:
    """Leave the sources alone, and nothing that was compiled of them."""
    for library in (*compiled_in(root), *root.glob("llmgw__mypyc*.so")):
        library.unlink()


def _named(root: Path, config: Mapping[str, Sequence[str]], key: str) -> Iterator[Path]:
    for pattern in config[key]:
        found = list(root.glob(pattern))
        if not found:
            raise ValueError(f"pyproject.toml: {key} names {pattern!r}, and there is no such module")
        yield from found


def _not_a_source(_: str, names: list[str]) -> set[str]:
    return {name for name in names if name.endswith(".so") or name == "__pycache__"}
