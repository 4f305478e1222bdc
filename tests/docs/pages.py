"""What stands on a page of the documentation, taken apart so that it can be run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


@dataclass(frozen=True)
class Page:
    """A page. Its snippets are fenced blocks; one whose first line is a comment with a file's name is that file."""

    text: str

    def blocks(self, language: str) -> list[str]:
        return re.findall(rf"^```{language}\n(.*?)^```", self.text, re.MULTILINE | re.DOTALL)

    @property
    def files(self) -> dict[str, str]:
        """The files that a reader is told to make, by name."""
        found = {}
        for block in [*self.blocks("yaml"), *self.blocks("python")]:
            named = re.match(r"# ([\w./]+\.\w+)\n", block)
            if named:
                found[named.group(1)] = block
        return found

    @property
    def snippets(self) -> list[str]:
        """The Python that belongs into files of the reader's own."""
        return [block for block in self.blocks("python") if block not in self.files.values()]

    def snippet(self, words: str) -> str:
        """Return the only one with these words."""
        [found] = [block for block in self.snippets if words in block]
        return found

    @property
    def commands(self) -> list[tuple[str, str]]:
        """What is typed, and what is printed then."""
        found = []
        for block in self.blocks("console"):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, printed = part.partition("\n")
                found.append((command, printed))
        return found

    def command(self, start: str) -> str:
        """Return the first command that starts so."""
        return next(command for command, _ in self.commands if command.startswith(start))

    def write_files(self, folder: Path) -> None:
        for name, text in self.files.items():
            (folder / name).write_text(text)


def page(name: str) -> Page:
    return Page((DOCS / name).read_text())
