"""agentgateway's own manifests: what loads, what is refused, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmgw_middleware.config.load import Loaded, load
from tests.fixtures import fixture_params

GOLDEN = "agentgateway/k8s/golden"
CRD = "agentgateway/k8s/crd-tests"
SCENES = ("agentgateway/k8s/e2e", "agentgateway/k8s/examples")
KINDS = ("backend", "policy")

OF_A_SERVICE = (
    "a schema of a part that is left out as a whole, and reported: it guards or feeds another service"
)
ACCEPTED: Mapping[str, str] = {}
"""Documents that agentgateway's schema refuses and this gateway does not, and why."""

REFUSED: Mapping[str, str] = {}
"""Documents that load there and not here, and why."""


@dataclass(frozen=True)
class Document:
    """One document of the schema's tests."""

    whole: dict[str, Any]
    accepted: bool


def documents(folder: Path) -> Iterator[tuple[str, Document]]:
    for kind in KINDS:
        for verdict in ("valid", "invalid"):
            text = (folder / f"agentgateway_{kind}_{verdict}.yaml").read_text()
            for number, whole in enumerate(filter(None, yaml.safe_load_all(text))):
                whole.pop("_err", None)
                yield (
                    f"{kind}-{verdict}-{number}-{whole['metadata']['name']}",
                    Document(whole, verdict == "valid"),
                )


def errors(loaded: Loaded) -> list[str]:
    return [str(problem) for problem in loaded.errors]


@pytest.mark.parametrize("document", fixture_params(CRD, documents))
def test_a_document_is_accepted_or_refused_as_by_its_schema(document, request):
    known = {**ACCEPTED, **REFUSED}.get(request.node.callspec.id)
    found = errors(load([document.whole], env={}, serving=False))
    if known is not None:
        assert document.accepted == bool(found), "this is no gap any more"
        pytest.xfail(known)
    assert document.accepted != bool(found), found
