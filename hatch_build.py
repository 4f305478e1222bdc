"""Compiles the path of a request with mypyc where ``LLMGW_COMPILE=1`` asks for it; else the package is Python as it stands.

Which modules are compiled stands in ``pyproject.toml``. An editable installation gets them beside their sources, where
``make plain`` removes them; a wheel gets both, and runs the compiled ones.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
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
        if not WANTED or self.target_name != "wheel":
            return
        root, work = Path(self.root), Path(self.directory) / "compiled"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(root / "llmgw_middleware", work / "llmgw_middleware", ignore=_not_a_source)
        self._compile(root, work)
        for library in work.rglob("*.so"):
            place = library.relative_to(work)
            if version == "editable":
                shutil.copy(library, root / place)
            else:
                build_data["force_include"][str(library)] = str(place)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def _compile(self, root: Path, work: Path) -> None:
        modules = sorted(set(self._named(root, "compiled")) - set(self._named(root, "plain")))
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

    def _named(self, root: Path, key: str) -> Iterator[str]:
        for pattern in self.config[key]:
            found = [str(path.relative_to(root)) for path in root.glob(pattern)]
            if not found:
                raise ValueError(f"pyproject.toml: {key} names {pattern!r}, and there is no such module")
            yield from found


def _not_a_source(_: str, names: list[str]) -> set[str]:
    return {name for name in names if name.endswith(".so") or name == "__pycache__"}
