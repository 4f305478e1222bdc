import pytest

from llmgw_middleware.config.cover import covers, path_covers
from llmgw_middleware.config.load import load
from llmgw_middleware.model.route import PathTest


def route(**words: object):
    loaded = load([{"respond": {}, **words}], env={}, serving=True)
    assert loaded.plan is not None
    return loaded.plan.routes[0]


COVERED = [
    ("nothing covers nothing", {}, {}),
    ("no condition covers any", {}, {"path": "/a", "headers": {"A": "1"}, "country": ["DE"]}),
    ("a prefix its paths", {"path": "/a/*"}, {"path": ["/a", "/a/b", "/a/b/*"]}),
    ("a regex its paths", {"path": {"regex": "/v[12]"}}, {"path": "/v1"}),
    ("methods", {"methods": ["GET", "POST"]}, {"methods": ["POST"]}),
    ("a name below a wildcard", {"host": ["*.a.test", "b.test"]}, {"host": "x.a.test"}),
    ("head follows get", {"methods": ["GET"]}, {"methods": ["HEAD"]}),
    ("one header of two", {"headers": {"A": "1"}}, {"headers": {"A": "1", "B": "2"}}),
    ("presence a value", {"headers": {"A": {"present": True}}}, {"headers": {"A": "1"}}),
    ("a list its item", {"query": {"a": {"oneOf": ["1", "2"]}}}, {"query": {"a": "2"}}),
    ("a list a shorter one", {"query": {"a": {"oneOf": ["1", "2"]}}}, {"query": {"a": {"oneOf": ["2"]}}}),
    ("a prefix a value", {"body": {"model": {"prefix": "gpt-"}}}, {"body": {"model": "gpt-4"}}),
    ("a regex a value", {"body": {"model": {"regex": "gpt-.*"}}}, {"body": {"model": "gpt-4"}}),
    ("countries", {"country": ["DE", "FR"]}, {"country": ["FR"]}),
    ("a known country", {"country": {"present": True}}, {"region": ["EU"]}),
    ("an unknown country", {"country": {"present": False}}, {"country": {"present": False}}),
    (
        "each alternative",
        {"match": [{"path": "/a"}, {"path": "/b"}]},
        {"match": [{"path": "/b"}, {"path": "/a"}]},
    ),
]
NOT_COVERED = [
    ("a path not any", {"path": "/a"}, {}),
    ("a path not its prefix", {"path": "/a"}, {"path": "/a/*"}),
    ("a prefix by segments", {"path": "/a/*"}, {"path": "/ab"}),
    ("one path not two", {"path": "/a"}, {"path": ["/a", "/b"]}),
    ("a prefix not a regex", {"path": "/a/*"}, {"path": {"regex": "/a/.*"}}),
    ("post not get", {"methods": ["POST"]}, {"methods": ["GET"]}),
    ("a header not none", {"headers": {"A": "1"}}, {}),
    ("a value not another", {"headers": {"A": "1"}}, {"headers": {"A": "2"}}),
    ("a value not a prefix", {"headers": {"A": "1"}}, {"headers": {"A": {"prefix": "1"}}}),
    ("presence not absence", {"headers": {"A": {"present": True}}}, {"headers": {"A": {"present": False}}}),
    ("absence not presence", {"headers": {"A": {"present": False}}}, {"headers": {"A": "1"}}),
    ("a shorter list", {"query": {"a": {"oneOf": ["1"]}}}, {"query": {"a": {"oneOf": ["1", "2"]}}}),
    ("a header not a query", {"headers": {"a": "1"}}, {"query": {"a": "1"}}),
    ("countries not all", {"country": ["DE"]}, {"country": ["DE", "FR"]}),
    ("a country not a region", {"country": ["DE"]}, {"region": ["EU"]}),
    ("an unknown country not any", {"country": {"present": False}}, {}),
    ("one alternative not two", {"path": "/a"}, {"match": [{"path": "/a"}, {"path": "/b"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), [row[1:] for row in COVERED], ids=[row[0] for row in COVERED])
def test_a_rule_covers_another(first, second):
    assert covers(route(**first), route(**second))


@pytest.mark.parametrize(
    ("first", "second"), [row[1:] for row in NOT_COVERED], ids=[row[0] for row in NOT_COVERED]
)
def test_a_rule_does_not_cover_another(first, second):
    assert not covers(route(**first), route(**second))


@pytest.mark.parametrize("words", [row[2] for row in (*COVERED, *NOT_COVERED)], ids=str)
def test_every_rule_covers_itself(words):
    assert covers(route(**words), route(**words))


def test_the_root_prefix_covers_every_path():
    assert path_covers(PathTest(kind="prefix", value=""), PathTest(kind="exact", value="/a"))
