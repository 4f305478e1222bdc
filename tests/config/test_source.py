from typing import Any

import pytest

from llmgw_middleware.config.problem import Report
from llmgw_middleware.config.source import Written, read
from llmgw_middleware.config.tree import plain


def read_all(source: Any) -> tuple[list[Any], Report, Written]:
    report = Report()
    written = read(source, report)
    return [plain(document) for document in written.documents], report, written


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "b.json").write_text('{"b": 1}')
    (tmp_path / "a.yaml").write_text("a: 1\n---\na2: 1\n")
    (tmp_path / "c.toml").write_text("c = 1\n")
    (tmp_path / ".hidden.yaml").write_text("hidden: 1\n")
    (tmp_path / "notes.txt").write_text("not: read\n")
    return tmp_path


def test_a_folder_is_its_files_by_name(folder):
    assert read_all(folder)[0] == [{"a": 1}, {"a2": 1}, {"b": 1}, {"c": 1}]


def test_a_folder_is_its_own_source(folder):
    assert read_all(str(folder))[2].sources == (str(folder),)


def test_several_files_come_in_their_order(folder):
    found, _, written = read_all([folder / "c.toml", str(folder / "b.json")])
    assert found == [{"c": 1}, {"b": 1}]
    assert written.sources == (str(folder / "c.toml"), str(folder / "b.json"))


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_all(tmp_path)[0] == [{"a": 1}]


@pytest.mark.parametrize("source", [[{"path": "/x"}], [], ({"path": "/x"},)], ids=["list", "empty", "tuple"])
def test_a_python_list_is_a_list_of_routes(source):
    assert read_all(source)[0] == [{"routes": list(source)}]


def test_a_list_in_a_file_is_a_list_of_routes(tmp_path):
    (tmp_path / "a.yaml").write_text("- path: /x\n")
    assert read_all(tmp_path)[0] == [{"routes": [{"path": "/x"}]}]


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read: No such file"), (b"a: \xff", "is not UTF-8 (byte 3)")],
    ids=["absent", "not utf-8"],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path, content, says):
    file = tmp_path / "a.yaml"
    if content is not None:
        file.write_bytes(content)
    _, report, _ = read_all(file)
    assert report.problems[0].code == "cannot_read"
    assert says in report.problems[0].message


def test_an_empty_folder_cannot_be_read(tmp_path):
    assert read_all(tmp_path)[1].problems[0].code == "cannot_read"


def test_a_document_of_one_word_is_no_configuration(tmp_path):
    (tmp_path / "a.yaml").write_text("hello\n")
    assert read_all(tmp_path)[1].problems[0].code == "bad_value"
