"""The examples in README and docs: fenced blocks, and how the page's source says they are run.

A comment above a block says it: `<!-- example: slow -->`, or `<!-- example: not run, REASON -->`.
Blocks without one are quick. Only `console` and `python` blocks are examples.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name != "extending.md"),
]
"""Those whose commands are today's; extending.md adds to them, and has a test of its own."""
BLOCK = re.compile(
    r"(?:<!-- example: (?P<mark>slow|not run, [^>]+) -->\n)?"
    r"^```(?P<language>\w*)(?: title=\"(?P<title>[^\"]*)\")?[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Example:
    """One fenced block."""

    page: Path
    line: int
    language: str
    text: str
    mark: str = ""
    title: str = ""

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[list[str]]:
        """The words after `caloforge` of each such line, shell variables set to 1."""
        lines = self.text.replace("\\\n", " ").splitlines()
        lines = [re.sub(r"\$\w+", "1", line.removeprefix("$ ")) for line in lines]
        return [
            shlex.split(line, comments=True)[1:] for line in lines if line.startswith("caloforge ")
        ]


def examples(page: Path) -> list[Example]:
    """All fenced blocks of a page, in its order."""
    text = page.read_text()
    return [
        Example(
            page,
            text.count("\n", 0, found.start("language")) + 1,
            found["language"],
            found["text"],
            found["mark"] or "",
            found["title"] or "",
        )
        for found in BLOCK.finditer(text)
    ]
