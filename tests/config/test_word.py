"""How a word is read: keys, lists and mappings of it, and what is said of each that is wrong."""

from typing import Annotated, ClassVar, TypeVar

import pytest

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.python import document
from llmgw_middleware.config.words.field import Field
from llmgw_middleware.config.words.kinds import HeaderName, Number, Text
from llmgw_middleware.config.words.refused import Refused
from llmgw_middleware.config.words.word import Word

W = TypeVar("W", bound=Word)


class Colour(Word):
    noun: ClassVar[str] = "colour"

    name: Annotated[Text, Field(description="What it is called.")]
    other_names: Annotated[tuple[Text, ...], Field(description="In other places.")] = ()
    parts: Annotated[dict[HeaderName, Number], Field(default_factory=dict, description="Of what.")]


class Shade(Colour):
    lighter: Annotated[Colour | None, Field(alias="than", description="Than which.")] = None


def read(word: type[W], **keys) -> W:
    return word.take(document(keys, Report()), Report())


def test_what_is_not_written_has_its_default():
    word = read(Colour, name="red")
    assert (word.name, word.other_names, word.parts) == ("red", (), {})
    assert word.given == {"name"}


def test_no_two_words_share_a_default_that_can_change():
    assert read(Colour, name="red").parts is not read(Colour, name="red").parts


def test_a_word_has_the_keys_of_the_word_it_extends_first():
    assert list(Shade.names) == ["name", "otherNames", "parts", "than"]
    assert read(Shade, name="pink", than={"name": "red"}).given == {"name", "lighter"}


def test_everything_that_is_wrong_is_told_at_once_with_its_path():
    written = {
        "otherNames": ["x", {}],
        "parts": {"a b": 1, "c": "much"},
        "than": {},
    }
    with pytest.raises(Refused) as caught:
        read(Shade, **written)
    assert [(told.path, told.of_key, told.code) for told in caught.value.refusals] == [
        (("name",), False, "missing_key"),
        (("otherNames", 1), False, "bad_value"),
        (("parts", "a b"), True, "bad_header"),
        (("parts", "c"), False, "bad_value"),
        (("than", "name"), False, "missing_key"),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("routes: /a", '"routes" takes a list, not "/a".'),
        ("routes: {path: /a}", '"routes" takes a list, not a mapping.'),
        ("identity: {default: [a]}", '"default" takes a mapping, not a list.'),
        ("geo: {regions: {x: de}}", '"x" takes a list, not "de".'),
    ],
)
def test_what_is_no_list_or_mapping_is_told_by_its_key(load_text, text, says):
    assert [problem.message for problem in load_text(text).errors] == [says]


def test_words_that_say_the_same_are_equal_wherever_they_stand():
    assert read(Shade, name="pink", than={"name": "red"}).lighter == read(Colour, name="red")
    assert read(Colour, name="red") != read(Colour, name="blue")
    assert read(Colour, name="red") != read(Shade, name="red")


def test_a_word_does_not_change():
    with pytest.raises(AttributeError, match="name cannot be set"):
        read(Colour, name="red").name = "blue"
