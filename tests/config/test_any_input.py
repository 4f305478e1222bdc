"""Whatever is written, loading answers with a plan or with errors, and never raises."""

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from llmgw_middleware.config.load import load
from llmgw_middleware.config.schema import json_schema
from llmgw_middleware.config.tree import snake
from llmgw_middleware.lint import lint

SCHEMA = json_schema()
KEYS = sorted({key for word in (SCHEMA, *SCHEMA["$defs"].values()) for key in word["properties"]})
LEAVES = st.sampled_from(
    [None, True, False, 0, 1, -1, 0.5, "", "a", "b:1", "/a", "/a/*", "http://x/v1", "5s", "20MB", "80%", "pool", "openai",
     "user", "header:x", "EU", "de", "(", "${V}", "${W}", "${", "$${V}", "weighted", "POST", float("nan"), "\x00", "10.0.0.0/8"]
)  # fmt: skip
NAMES = st.one_of(st.sampled_from([*KEYS, *map(snake, KEYS)]), st.text(max_size=3))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
ROUTES = st.lists(st.dictionaries(NAMES, VALUES, max_size=5), max_size=3)
TOPS = st.fixed_dictionaries(
    {},
    optional={
        "routes": ROUTES | VALUES,
        "backends": ROUTES | VALUES,
        "gateway": VALUES,
        "geo": VALUES,
        "identity": VALUES,
    },
)


@given(source=TOPS, serving=st.booleans())
@example(source={"routes": [{"headers": {"": None}}]}, serving=True)
@example(source={"routes": [{"path": [], "backend": "a", "fallback": [], "backends": []}]}, serving=True)
@example(source={"backends": [{"name": "p", "type": "pool", "backends": [{"name": "p"}]}]}, serving=False)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_loading_answers_with_a_plan_or_with_errors(source, serving):
    loaded = load(source, env={"V": "sk-1"}, serving=serving)
    assert (loaded.plan is None) is bool(loaded.errors)
    assert "sk-1" not in "".join(map(str, loaded.problems))
    if loaded.plan is not None:
        assert all(problem.severity == "warning" for problem in lint(loaded.plan))


@given(st.text(alphabet="abc:-[]{}#&*!|>'\"%@`,? \n\t${}0", max_size=40))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_or_refused_with_a_place(tmp_path, text):
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    loaded = load(tmp_path / "c.yaml", env={}, serving=True)
    assert (loaded.plan is None) is bool(loaded.errors)
    assert all(problem.line >= 1 for problem in loaded.problems)


@given(TOPS)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_file_and_the_mapping_it_holds_have_the_same_problems(tmp_path, source):
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(source, sort_keys=False), encoding="utf-8")
    in_file = load(tmp_path / "c.yaml", env={"V": "1"}, serving=False)
    here = load(source, env={"V": "1"}, serving=False)
    assert sorted(p.code for p in in_file.problems) == sorted(p.code for p in here.problems)
