"""``${VAR}``, ``${VAR:-default}`` and ``${file:/run/secrets/key}`` inside text values. ``$${`` is a plain ``${``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.tree import Items, Scalar, Table, Tree

_REFERENCE = re.compile(r"(?P<escaped>\$)?\$\{(?P<inside>[^}]*)\}?")
_VARIABLE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)


class Interpolation:
    """Replaces references by what the environment and files say. What is not there is reported.

    In ``check`` a missing variable is a warning, and the value or item counts as not given; to serve it is an error.
    """

    def __init__(self, env: Mapping[str, str], report: Report) -> None:
        self._env = env
        self._report = report

    def tree(self, tree: Tree) -> Tree:
        """Return ``tree`` with every reference replaced."""
        match tree:
            case Table():
                return self.table(tree)
            case Items():
                items = Items(tree.at)
                parts = [self.tree(part) for part in tree]
                items.extend(part for part in parts if not (isinstance(part, Scalar) and part.missing))
                return items
            case Scalar():
                return self._scalar(tree) if isinstance(tree.value, str) and "${" in tree.text else tree

    def table(self, table: Table) -> Table:
        """Return ``table`` with every reference in its values replaced; keys are left alone."""
        result = Table(table.at)
        for key, value in table.items():
            result.put(key, self.tree(value), table.keys_at[key])
        return result

    def _scalar(self, scalar: Scalar) -> Scalar:
        missing = False

        def replace(match: re.Match[str]) -> str:
            nonlocal missing
            if match["escaped"]:
                return match[0][1:]
            found = self._lookup(match, scalar)
            missing = missing or found is None
            return match[0] if found is None else found

        text = _REFERENCE.sub(replace, scalar.text)
        loose = any(not match["escaped"] for match in _REFERENCE.finditer(scalar.text))
        return Scalar(value=text, text=text, source=scalar.source, at=scalar.at, loose=loose, missing=missing)

    def _lookup(self, match: re.Match[str], scalar: Scalar) -> str | None:
        inside = match["inside"]
        if inside.startswith("file:") and match[0].endswith("}"):
            return self._file(inside.removeprefix("file:"), scalar)
        variable = _VARIABLE.fullmatch(inside)
        if variable is None or not match[0].endswith("}"):
            self._report.error(
                "bad_reference",
                scalar.at,
                "A reference is one of ${VAR}, ${VAR:-default} and ${file:/path}.",
                "write $${ for a plain ${",
            )
            return None
        value = self._env.get(variable["name"])
        if variable["default"] is not None:
            return value or variable["default"]
        if value is None:
            name = variable["name"]
            self._report.unmet("missing_env", scalar.at, f"The environment variable {name} is not set.")
        return value

    def _file(self, path: str, scalar: Scalar) -> str | None:
        if not Path(path).is_absolute():
            self._report.error("bad_reference", scalar.at, "${file:…} needs an absolute path.")
            return None
        try:
            return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            self._report.unmet("missing_file", scalar.at, f"The file {path} cannot be read: {reason}.")
            return None
