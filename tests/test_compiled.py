"""The list of modules that can be compiled, held against what the compiler does not do justice to. Nothing is compiled here."""

import ast
import copy
import importlib
import os
import pickle
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import llmgw_middleware
from hatch_build import compiled_in, modules_of, remove_compiled
from llmgw_middleware import Decision, Identity
from llmgw_middleware.observe.observer import Observer
from llmgw_middleware.policy.rollout import Change, Standing
from llmgw_middleware.rollouts.standings import Standings
from llmgw_middleware.transport.port import Transport
from tests import conftest

ROOT = Path(__file__).parent.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
LISTS = SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]
MODULES = modules_of(ROOT, LISTS)
NAMES = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in MODULES}
PARSED = {path: ast.parse(path.read_text()) for path in MODULES}

Finder = Callable[[ast.AST], Iterator[ast.AST]]


def waits_amid_an_exception(tree: ast.AST) -> Iterator[ast.AST]:
    for coroutine in (node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)):
        for node in ast.walk(coroutine):
            if isinstance(node, ast.AsyncWith):
                yield node
            elif isinstance(node, ast.Try):
                handling = [*(s for handler in node.handlers for s in handler.body), *node.finalbody]
                yield from (part for part in _parts(handling) if isinstance(part, _WAITS))


_WAITS = (ast.Await, ast.AsyncFor, ast.Yield)


def structs(tree: ast.AST) -> Iterator[ast.AST]:
    return (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and (node.keywords or any(ast.unparse(base).endswith("Struct") for base in node.bases))
    )


def effects_in_slices(tree: ast.AST) -> Iterator[ast.AST]:
    bounds = (b for n in ast.walk(tree) if isinstance(n, ast.Slice) for b in (n.lower, n.upper) if b)
    return (bound for bound in bounds if any(map(_may_do_something, ast.walk(bound))))


def _may_do_something(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) != "len"
    return isinstance(node, (ast.NamedExpr, ast.Yield, ast.YieldFrom))


def assigned_then_cleaned_up(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and node.finalbody:
            written = {ast.unparse(part) for part in _parts(node.body) if _is_place(part, ast.Store)}
            read = (part for part in _parts(node.finalbody) if _is_place(part, ast.Load))
            yield from (part for part in read if ast.unparse(part) in written)


def _parts(body: list[ast.stmt]) -> Iterator[ast.AST]:
    return (part for statement in body for part in ast.walk(statement))


def _is_place(node: ast.AST, use: type[ast.expr_context]) -> bool:
    return isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, use)


def defaults_of_classes(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and "Enum" not in map(ast.unparse, node.bases):
            yield from filter(_is_misread, node.body)


def _is_misread(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Assign):
        return ast.unparse(statement.targets[0]) != "__slots__"
    if not isinstance(statement, ast.AnnAssign) or ast.unparse(statement.annotation).startswith("ClassVar"):
        return False
    return isinstance(statement.value, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp))


def found(find: Finder) -> list[str]:
    return [f"{path}:{node.lineno}" for path, tree in PARSED.items() for node in find(tree)]  # type: ignore[attr-defined]


def test_no_coroutine_waits_while_it_handles_an_exception_as_it_would_take_the_callers_for_its_own():
    assert found(waits_amid_an_exception) == []


def test_no_struct_is_compiled_as_its_options_would_be_dropped():
    assert found(structs) == []


def test_no_bound_of_a_slice_does_anything_as_it_would_be_done_twice():
    assert found(effects_in_slices) == []


def test_no_finally_reads_what_its_try_assigns_as_it_would_be_taken_for_assigned():
    assert found(assigned_then_cleaned_up) == []


def test_no_default_of_a_class_is_shared_or_unannotated_as_each_instance_would_have_its_own():
    assert found(defaults_of_classes) == []


@pytest.mark.parametrize(
    ("find", "source"),
    [
        pytest.param(
            waits_amid_an_exception,
            "async def f():\n try: g()\n finally: await h()",
            id="a wait in a finally",
        ),
        pytest.param(
            waits_amid_an_exception,
            "class A:\n async def f(self):\n  try: g()\n  except OSError:\n   if h: await h()",
            id="a wait in a handler",
        ),
        pytest.param(
            waits_amid_an_exception,
            "async def f():\n async with g(): ...",
            id="a context that is left waiting",
        ),
        pytest.param(structs, "class A(msgspec.Struct): ...", id="a Struct"),
        pytest.param(structs, "class A(B, frozen=True): ...", id="an option of a class"),
        pytest.param(effects_in_slices, "x = x[f(x):]", id="a call in a slice"),
        pytest.param(effects_in_slices, "x = x[: (n := n + 1)]", id="an assignment in a slice"),
        pytest.param(
            assigned_then_cleaned_up,
            "x = None\ntry:\n x = f()\nfinally:\n if x is not None: x.close()",
            id="a local in a finally",
        ),
        pytest.param(
            assigned_then_cleaned_up, "try:\n self.x = f()\nfinally:\n g(self.x)", id="a field in a finally"
        ),
        pytest.param(defaults_of_classes, "class A:\n a = b = 0", id="two at once"),
        pytest.param(defaults_of_classes, "class A:\n done = False", id="no annotation"),
        pytest.param(defaults_of_classes, "class A:\n names: list[str] = []", id="a shared list"),
    ],
)
def test_each_of_these_would_be_noticed(find, source):
    assert list(find(ast.parse(source)))


@pytest.mark.parametrize(
    ("find", "source"),
    [
        pytest.param(
            waits_amid_an_exception,
            "async def f():\n try: await g()\n except OSError: h()\n finally: h()",
            id="a wait in a try",
        ),
        pytest.param(effects_in_slices, "x[len(head) : -n]", id="a length in a slice"),
        pytest.param(assigned_then_cleaned_up, "try:\n f()\nfinally:\n g(self.x)", id="a finally"),
        pytest.param(defaults_of_classes, "class A(Enum):\n B = 'b'", id="members of an Enum"),
        pytest.param(defaults_of_classes, "class A:\n __slots__ = ()\n done: bool = False", id="a default"),
    ],
)
def test_what_the_compiler_understands_is_allowed(find, source):
    assert not list(find(ast.parse(source)))


@pytest.mark.parametrize("pattern", [*LISTS["compiled"], *LISTS["plain"]])
def test_every_pattern_names_a_module(pattern):
    assert modules_of(ROOT, {"compiled": [pattern], "plain": []})


def test_a_pattern_that_names_no_module_is_refused():
    with pytest.raises(ValueError, match=r"compiled names 'llmgw_middleware/gone\.py'"):
        modules_of(ROOT, {"compiled": ["llmgw_middleware/gone.py"], "plain": []})


def imported_names() -> Iterator[tuple[str, str]]:
    for path in ROOT.glob("llmgw_middleware/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module in NAMES:
                yield from ((node.module, alias.name) for alias in node.names)


def test_a_module_on_the_list_has_every_name_that_is_imported_from_it():
    names = set(imported_names())
    assert names
    assert [each for each in names if not hasattr(importlib.import_module(each[0]), each[1])] == []


APPLICATIONS_SEE = (
    *(getattr(llmgw_middleware, name) for name in dir(llmgw_middleware)),
    *(Observer, Change, Standing, Standings, Transport),
)
"""What is imported from the package, and what ``Extensions`` gives to applications or takes from them."""


def test_nothing_that_applications_see_is_compiled_as_it_could_not_be_inherited_from_or_pickled():
    assert [each for each in APPLICATIONS_SEE if getattr(each, "__module__", "") in NAMES] == []


@pytest.mark.parametrize(
    "value",
    [
        Identity(id="ann", attributes={"tier": "pro"}, source="session"),
        Standing(status="paused", stage=1, elapsed=2.5, epoch=3, reason="by hand"),
        Change(canary="c", kind="promoted", stage=1, weight=0.5, reason="", by="policy"),
        Decision(request_id="r", started=1.0, method="POST", path="/v1/chat/completions"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_applications_are_given_can_be_copied_and_kept(value):
    assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == value


def test_an_observer_may_inherit_from_the_protocol():
    class Heard(Observer):
        def finished(self, decision):
            self.path = decision.path

    heard = Heard()
    heard.finished(Decision(request_id="r", started=1.0, method="GET", path="/v1/models"))
    assert heard.path == "/v1/models"


def test_either_the_whole_list_is_compiled_or_nothing():
    compiled = {library.with_name(library.name.partition(".")[0] + ".py") for library in compiled_in(ROOT)}
    assert compiled in (set(), set(MODULES))


class TestARun:
    @pytest.fixture
    def project(self, tmp_path):
        package = tmp_path / "llmgw_middleware"
        package.mkdir()
        source, library = package / "body.py", package / "body.cpython-311-x86_64-linux-gnu.so"
        for path in (source, library, tmp_path / "llmgw__mypyc.cpython-311-x86_64-linux-gnu.so"):
            path.touch()
            os.utime(path, (1000, 1000))
        return SimpleNamespace(root=tmp_path, source=source, library=library)

    def test_says_how_many_modules_are_compiled(self, project):
        assert conftest.header(project.root) == "llmgw_middleware: 1 modules compiled"

    def test_says_where_none_is(self, project):
        project.library.unlink()
        assert conftest.header(project.root) == "llmgw_middleware: Python"

    def test_goes_on_where_the_sources_are_as_they_were(self, project):
        assert conftest.outdated(project.root) == []

    def test_ends_where_a_source_has_changed_since(self, project, monkeypatch):
        os.utime(project.source, (1001, 1001))
        monkeypatch.setattr(conftest, "ROOT", project.root)
        with pytest.raises(pytest.UsageError, match="older than their sources: make compiled, or make plain"):
            conftest.pytest_configure()

    def test_ends_where_a_source_is_gone(self, project):
        project.source.unlink()
        assert conftest.outdated(project.root) == [project.library]


def test_nothing_is_left_of_a_compilation_that_is_removed(tmp_path):
    (tmp_path / "llmgw_middleware").mkdir()
    for name in ("llmgw_middleware/body.py", "llmgw_middleware/body.abi.so", "llmgw__mypyc.abi.so"):
        (tmp_path / name).touch()
    remove_compiled(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")] == ["llmgw_middleware/body.py"]
