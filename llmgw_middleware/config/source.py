"""Where a configuration comes from: mappings, files, folders, lists of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmgw_middleware.config import python
from llmgw_middleware.config.manifests.named import is_manifest
from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.tree import Items, Position, Table, Tree

Source = Mapping[str, Any] | str | os.PathLike[str] | Sequence[Any]
"""A mapping, a path, a folder, a list of paths, or a list of routes."""

_SUFFIXES = (".yaml", ".yml", ".json", ".toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was read: the documents in order, and the files and folders that were named.

    ``manifests`` are the documents that are resources of Kubernetes and no configuration.
    """

    documents: tuple[Table, ...] = ()
    manifests: tuple[Table, ...] = ()
    sources: tuple[str, ...] = ()


def read(source: Source, report: Report) -> Written:
    """Return every document of ``source``. Files that cannot be read are reported as ``cannot_read``."""
    if _holds_values(source):
        return _sorted_out([python.document(source, report)], (), report)
    paths = _paths(source)
    files = [file for path in paths for file in _files(path, report)]
    trees = [tree for file in files for tree in _parse(file, report)]
    return _sorted_out(trees, tuple(str(path) for path in paths), report)


def read_manifests(paths: Iterable[Path], report: Report) -> Written:
    """Return the manifests of ``paths``; a configuration among them is reported."""
    listed = list(paths)
    if not listed:
        return Written()
    written = read(listed, report)
    for document in written.documents:
        report.error(
            "not_a_manifest",
            document.at,
            "This is no manifest: it has no apiVersion and kind.",
            "name a configuration beside this one, not under manifests",
        )
    return written


def _sorted_out(trees: list[Tree], sources: tuple[str, ...], report: Report) -> Written:
    """Tell manifests from configurations. A list with manifests in it is a list of documents."""
    parts: list[Tree] = []
    for tree in trees:
        parts.extend(tree if isinstance(tree, Items) and any(map(is_manifest, tree)) else [tree])
    tables = [_as_table(tree, report) for tree in parts if not is_manifest(tree)]
    return Written(
        documents=tuple(table for table in tables if table is not None),
        manifests=tuple(tree for tree in parts if isinstance(tree, Table) and is_manifest(tree)),
        sources=sources,
    )


def _holds_values(source: Source) -> bool:
    if isinstance(source, str | os.PathLike):
        return False
    return isinstance(source, Mapping) or not source or any(isinstance(item, Mapping) for item in source)


def _paths(source: Source) -> list[Path]:
    if isinstance(source, str | os.PathLike):
        return [Path(source)]
    return [Path(item) for item in source]


def _files(path: Path, report: Report) -> list[Path]:
    """Return ``path`` itself, or a folder's configuration files by name. Hidden ones are left out."""
    if not path.is_dir():
        return [path]
    found = sorted(
        f for f in path.iterdir() if f.suffix in _SUFFIXES and not f.name.startswith(".") and f.is_file()
    )
    if not found:
        report.error(
            "cannot_read", Position(str(path)), "The folder holds no .yaml, .yml, .json or .toml file."
        )
    return found


def _parse(file: Path, report: Report) -> list[Tree]:
    name = str(file)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        report.error("cannot_read", Position(name), f"The file cannot be read: {error.strerror}.")
        return []
    except UnicodeDecodeError as error:
        report.error("cannot_read", Position(name), f"The file is not UTF-8 (byte {error.start}).")
        return []
    if file.suffix == ".toml":
        from llmgw_middleware.config import toml  # a parser is loaded for a file that it reads

        return toml.document(text, name, report)
    from llmgw_middleware.config import compose

    return compose.documents(compose.json_as_yaml(text) if file.suffix == ".json" else text, name, report)


def _as_table(tree: Tree, report: Report) -> Table | None:
    """Return a document's mapping; a list is a list of routes (seed 000)."""
    if isinstance(tree, Table):
        return tree
    if isinstance(tree, Items):
        table = Table(tree.at)
        table.put("routes", tree, tree.at)
        return table
    report.error("bad_value", tree.at, "A configuration is a mapping of keys such as routes and backends.")
    return None
