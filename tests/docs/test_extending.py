"""docs/extending.md: each of its examples added to a copy of the package, as a reader would."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from tests.docs.pages import ROOT, examples

import caloforge
from caloforge.zoo import sample_path

PAGE = ROOT / "docs" / "extending.md"
SECTIONS = re.findall(r"^## (.*)$", PAGE.read_text(), re.MULTILINE)
SLOW = ("A network", "A measure", "An engine")
SHOWERS = 120


def applied(change: str, text: str) -> str:
    """A text after a change: its hunks, divided by lines of @@, each stand there once."""
    for hunk in change.split("@@\n"):
        lines = hunk.splitlines()
        before = "\n".join(line[1:] for line in lines if line[0] in " -")
        after = "\n".join(line[1:] for line in lines if line[0] in " +")
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


@pytest.fixture
def desk(tmp_path):
    """A folder with a copy of the package and some Geant4 showers, and what runs Python there."""
    package = ROOT / "src" / "caloforge"
    ignored = shutil.ignore_patterns("zoo", "__pycache__")
    shutil.copytree(package, tmp_path / "src" / "caloforge", ignore=ignored)
    (tmp_path / "src" / "caloforge" / "zoo").symlink_to(package / "zoo")
    sample = caloforge.read(sample_path("clic_ecal_fixed"), 0, SHOWERS)
    caloforge.write(tmp_path / "geant4.h5", sample)

    def run(*words):
        places = {"PYTHONPATH": str(tmp_path / "src"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        done = subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path, env=os.environ | places, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}\n{done.stderr}"

    return tmp_path, run


@pytest.mark.parametrize(
    "section",
    [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in SECTIONS],
)
def test_each_example_works_when_it_is_added(desk, section):
    folder, run = desk
    text = PAGE.read_text()
    start = text.index(f"## {section}\n")
    first, last = text.count("\n", 0, start), text[start:].partition("\n## ")[0].count("\n")
    blocks = [block for block in examples(PAGE) if first < block.line <= first + last + 1]
    assert {block.language for block in blocks} >= {"diff", "console"}
    for block in blocks:
        file = folder / block.title
        if block.language == "diff":
            file.write_text(applied(block.text, file.read_text()))
        elif block.title:
            assert not file.exists()
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text)
    for block in blocks:
        for words in block.commands:
            run("-m", "caloforge", *words)
        if block.language == "python" and not block.title:
            run("-c", block.text)
