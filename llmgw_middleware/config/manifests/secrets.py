"""Credentials that manifests refer to: a ``Secret`` among them, or the environment."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping

from llmgw_middleware.config.manifests.resource import Key, Resource
from llmgw_middleware.config.node import Node
from llmgw_middleware.config.tree import Position, Scalar, Table
from llmgw_middleware.config.writing import secret

KEY = "Authorization"
"""The entry of a Secret that counts where none is named."""

_SCHEME = re.compile(r"^Bearer +", re.IGNORECASE)


class Secrets:
    """Finds credentials. One that is nowhere is a value that is missing, as an unset variable is."""

    def __init__(self, found: Iterable[Resource], env: Mapping[str, str]) -> None:
        self._found: dict[Key, Resource] = {one.key: one for one in found}
        self._env = env

    def named(self, ref: Node, namespace: str) -> Scalar | None:
        """Return the credential of a ``secretRef``; None if the reference itself is wrong (reported)."""
        name, key = ref.scalar("name"), ref.text("key") or KEY
        ref.skip("namespace")
        if name is None or not name.text:
            ref.refuse("name", f"{ref.path('name')} is needed.")
            return None
        if ref.text("group") or ref.text("kind") not in (None, "", "Secret"):
            ref.leave_out("kind", why="names a credential that only agentgateway knows")
            return None
        return self._look_up(ref.text("namespace") or namespace, name.text, key, name.at)

    def _look_up(self, namespace: str, name: str, key: str, at: Position) -> Scalar:
        variable = variable_of(name, key)
        reference = f"${{{variable}}}"
        found = self._found.get((namespace, name))
        text = None if found is None else _entry(found, key)
        if text is None:
            text = self._env.get(variable)
        if text is None:
            return Scalar(value=reference, text=reference, source=reference, at=at, loose=True, missing=True)
        return secret(_SCHEME.sub("", text.strip()), reference, at)


def variable_of(name: str, key: str = KEY) -> str:
    """Return the variable that stands for a Secret's entry: ``openai-secret`` is ``OPENAI_SECRET``."""
    whole = name if key == KEY else f"{name}_{key}"
    return re.sub(r"\W", "_", whole).upper()


def _entry(resource: Resource, key: str) -> str | None:
    """Return one text of a Secret. ``stringData`` comes before ``data``, as in Kubernetes."""
    plain, coded = (_under(resource.whole.table(part), key) for part in ("stringData", "data"))
    if plain is not None:
        return plain.text
    if coded is None:
        return None
    try:
        return base64.b64decode(coded.text, validate=True).decode()
    except (binascii.Error, ValueError):
        resource.whole.refuse("data", f"data.{key} is no base64 of a text.")
        return None


def _under(table: Table | None, key: str) -> Scalar | None:
    found = None if table is None else table.get(key)
    return found if isinstance(found, Scalar) else None
