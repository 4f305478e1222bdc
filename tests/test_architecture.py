"""The house's own rules: imports go down, and each room keeps to its trade."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "llmgw_middleware"
INTEGRATIONS = ROOT / "integrations"

FLOORS = (
    ("errors", "model"),
    ("body",),
    ("regex", "facts", "regions", "geo", "attributes", "callables", "flags", "policy", "dialect", "usage", "store", "transport", "observe", "openfeature", "loop_thread"),
    ("cel",),
    ("match", "config", "exchange", "client"),
    ("shaping",),
    ("health", "shadow", "rollouts", "watch"),
    ("choice",),
    ("admission", "control", "lifespan", "mirroring", "origin", "snapshot"),
    ("passage", "explain"),
    ("gateway", "extensions"),
    ("build",),
    ("lint", "entry", "console"),
    ("startup",),
    ("asgi", "wsgi", "testing"),
    ("cli",),
)  # fmt: skip
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
PURE = {"model", "match", "policy", "cel", "dialect"}
IMPURE = {"asyncio", "time", "random", "os", "socket", "logging", "threading", "httpx", "pydantic"}
ONLY_IN = {
    "httpx": {"transport", "client"},
    "pydantic": set(),
    "redis": {"store"},
    "gevent": {"loop_thread"},
    "django": set(),
    "flask": set(),
    "fastapi": set(),
}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "base", "core", "manager", "misc"}
PROVIDERS = ("openai", "anthropic", "gemini", "azure", "bedrock")
FREE_OF_PROVIDERS = {"gateway", "passage", "exchange", "admission", "choice", "match", "policy", "snapshot"}


def files() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def inside(path: Path) -> set[str]:
    """The modules of the package that a file imports."""
    return {name for name in imports(path) if name.startswith("llmgw_middleware.") and is_module(name)}


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path):
    for name in inside(path):
        target = name.split(".")[1]
        assert target == room(path) or FLOOR[target] < FLOOR[room(path)], f"{path.name} imports {name}"


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_each_trade_stays_in_its_room(path):
    for name in imports(path):
        top = name.split(".")[0]
        assert not (room(path) in PURE and top in IMPURE), f"{path.name} is pure, yet imports {top}"
        assert top not in ONLY_IN or room(path) in ONLY_IN[top], f"{path.name} imports {top}"
        assert name != "llmgw_middleware", f"{path.name} imports the face"


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_file_is_named_for_nothing(path):
    assert path.stem not in FORBIDDEN_NAMES


def test_there_is_no_circle():
    graph = {module_name(path): inside(path) for path in files()}
    done: set[str] = set()
    trail: list[str] = []

    def visit(name: str) -> None:
        assert name not in trail, " → ".join([*trail, name])
        if name not in done:
            trail.append(name)
            for target in graph.get(name, ()):
                visit(target)
            done.add(trail.pop())

    for name in graph:
        visit(name)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_provider_is_named_above_the_dialects():
    for path in files():
        if room(path) in FREE_OF_PROVIDERS:
            code = ast.unparse(ast.parse(path.read_text())).lower()
            strings = [p for p in PROVIDERS if f"'{p}'" in code]
            assert not strings, f"{path.name} names {strings}"


TONGUES = {"openai": "openai", "responses": "openai", "anthropic": "anthropic", "gemini": "gemini", "converse": "bedrock", "bedrock": "bedrock"}  # fmt: skip
INTERPRETERS = {"registry", "opaque"}
"""Who may know several dialects: who chooses among them, and what speaks OpenAI's where nobody knows better."""


SHARED = {"responses_owner"}
"""What is named for a dialect, and knows none: which backend keeps which response."""


def tongue(stem: str) -> str | None:
    if stem in SHARED:
        return None
    return next((family for start, family in TONGUES.items() if stem.startswith(start)), None)


def test_dialects_do_not_know_one_another():
    for path in files():
        if room(path) == "dialect" and path.stem not in INTERPRETERS:
            known = {tongue(name.split(".")[2]) for name in inside(path) if name.split(".")[1] == "dialect"}
            strange = known - {None, tongue(path.stem)}
            assert not strange, f"{path.name} knows {strange}"


def test_the_integrations_know_only_the_face_the_bridge_and_the_command_line():
    for path in INTEGRATIONS.rglob("*.py"):
        modules = {name for name in imports(path) if name.startswith("llmgw_middleware.") and is_module(name)}
        strange = {name for name in modules if name.split(".")[1] not in {"wsgi", "cli"}}
        assert not strange, f"{path} imports {strange}"


def test_nobody_imports_the_folder_of_integrations():
    for path in [*files(), *INTEGRATIONS.rglob("*.py")]:
        assert not any(name.split(".")[0] == "integrations" for name in imports(path)), path


def test_the_core_is_imported_without_any_framework():
    import subprocess

    code = (
        "import llmgw_middleware, llmgw_middleware.build, llmgw_middleware.gateway, sys;"
        "print([m for m in ('django', 'flask', 'fastapi', 'starlette', 'uvicorn', 'redis', 'maxminddb') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
