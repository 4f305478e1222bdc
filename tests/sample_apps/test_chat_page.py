"""The page all samples share: readable by a strict Content-Security-Policy, and honest about cut-off streams."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "sample_apps" / "chat_page"
STATIC = PAGE / "static" / "chat_page"
HTML = [
    PAGE / "chat.html",
    PAGE.parent / "django_chat" / "chat" / "templates" / "registration" / "login.html",
    *sorted((PAGE / "templates").iterdir()),
]
MODULES = sorted(STATIC.glob("*.js"))


class Tags(HTMLParser):
    """Every start tag with its attributes, and the text inside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem in {"script", "style"}:
            self.inline += data.strip()

    def attributes(self, *names: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.found for name in names if name in attrs]


@pytest.mark.parametrize("path", HTML, ids=lambda path: path.name)
def test_a_page_has_no_inline_script_or_style(path: Path) -> None:
    tags = Tags(path.read_text(encoding="utf-8"))
    assert tags.inline == ""
    assert not any(name == "style" or name.startswith("on") for _, attrs in tags.found for name in attrs)


@pytest.mark.parametrize("path", HTML, ids=lambda path: path.name)
def test_a_page_loads_nothing_from_elsewhere(path: Path) -> None:
    addresses = Tags(path.read_text(encoding="utf-8")).attributes("src", "href", "action")
    assert addresses
    assert not [each for each in addresses if "//" in each]


@pytest.mark.parametrize("path", [*MODULES, *STATIC.glob("*.css")], ids=lambda path: path.name)
def test_a_script_or_style_names_no_other_host(path: Path) -> None:
    assert not re.findall(
        r"https?://|url\(|innerHTML|insertAdjacentHTML|\beval\(", path.read_text(encoding="utf-8")
    )


def test_whatever_the_chat_page_names_is_there() -> None:
    named = [
        each
        for each in Tags(HTML[0].read_text("utf-8")).attributes("src", "href")
        if each.startswith("/static/")
    ]
    assert named
    assert [each for each in named if not (PAGE / each.removeprefix("/")).is_file()] == []


def test_whatever_a_module_looks_up_is_on_the_page() -> None:
    identifiers = set(Tags(HTML[0].read_text("utf-8")).attributes("id"))
    asked = set(re.findall(r'\bat\("([a-z-]+)"\)', (STATIC / "chat.js").read_text("utf-8")))
    assert asked
    assert asked - identifiers == set()


def test_every_control_has_a_name() -> None:
    tags = Tags(HTML[0].read_text("utf-8"))
    labelled = set(tags.attributes("for"))
    unnamed = [
        attrs.get("id")
        for tag, attrs in tags.found
        if tag in {"textarea", "input"} and attrs.get("id") not in labelled and "aria-label" not in attrs
    ]
    assert unnamed == []


STREAMS = {
    "one event": ("data: a\n\n", ["a"]),
    "two events": ("data: a\n\ndata: b\n\n", ["a", "b"]),
    "carriage returns": ("data: a\r\n\r\ndata: b\r\r", ["a", "b"]),
    "several lines are one datum": ("data: a\ndata: b\n\n", ["a\nb"]),
    "comments are skipped": (": ping\n\ndata: a\n\n", ["a"]),
    "names and ids are skipped": ("event: x\nid: 1\ndata: a\n\n", ["a"]),
    "only one space is cut": ("data:  a\n\n", [" a"]),
    "no space at all": ("data:a\n\n", ["a"]),
    "an empty datum": ("data\n\n", [""]),
    "a byte order mark": ("\ufeffdata: a\n\n", ["a"]),
    "letters of two bytes": ("data: é\n\n", ["é"]),
    "what is cut off is dropped": ("data: a\n\ndata: b", ["a"]),
    "an event without its blank line is dropped": ("data: a\n\ndata: b\n", ["a"]),
}

READ = """
const [address, text, size] = process.argv.slice(1);
const { events } = await import(address);
const bytes = new TextEncoder().encode(text);
const body = new ReadableStream({
  start(controller) {
    for (let at = 0; at < bytes.length; at += Number(size)) controller.enqueue(bytes.slice(at, at + Number(size)));
    controller.close();
  },
});
const found = [];
for await (const data of events(body)) found.push(data);
console.log(JSON.stringify(found));
"""


def read_by_page(text: str, *, size: int) -> list[str]:
    """Run the page's own reader over ``text``, in pieces of ``size`` bytes."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the page's scripts cannot run here")
    module = (STATIC / "sse.js").as_uri()
    done = subprocess.run(
        [node, "--input-type=module", "-e", READ, module, text, str(size)],
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("size", [1, 1000], ids=["byte by byte", "at once"])
@pytest.mark.parametrize("case", STREAMS)
def test_the_page_reads_events_however_they_are_cut(case: str, size: int) -> None:
    text, expected = STREAMS[case]
    assert read_by_page(text, size=size) == expected
