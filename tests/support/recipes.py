"""The recipes of the docs as projects: each section of a page, with the files that its blocks are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs/recipes"
_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Recipe:
    """One recipe: its page and title, its files by name, and its blocks that are no file, by language."""

    page: str
    title: str
    files: Mapping[str, str]
    shown: Mapping[str, str]

    @property
    def anchor(self) -> str:
        """Where it stands: `page.md#title`."""
        return f"{self.page}#{re.sub('[^a-z]+', '-', self.title.lower())}"

    def write(self, folder: Path) -> Path:
        """Write its files, with an empty handler for each job whose handler is not shown; where its config is."""
        shown = dict(self.files)
        for code in re.findall(r"code: ([\w/]+)", self.files.get("phaseline.yaml", "")):
            shown.setdefault(f"{code}/handler.py", "def handler(event, context): ...\n")
        for name, text in shown.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return folder / "phaseline.yaml"


def recipes() -> list[Recipe]:
    """All recipes, by page."""
    return [recipe for page in sorted(FOLDER.glob("*.md")) if page.name != "index.md" for recipe in _sections(page)]


def recipe(title: str) -> Recipe:
    """The recipe with this title."""
    (found,) = [each for each in recipes() if each.title == title]
    return found


def _sections(page: Path) -> Iterator[Recipe]:
    _, *sections = re.split(r"^## (?=\w)", page.read_text(), flags=re.MULTILINE)
    for section in sections:
        blocks = _BLOCK.findall(section)
        files = {name: text for _, name, text in blocks if name}
        shown = {language: text for language, name, text in blocks if not name}
        yield Recipe(page.name, section.splitlines()[0], files, shown)
