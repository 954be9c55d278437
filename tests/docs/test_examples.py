"""The examples of the pages, run in their order, each page in a folder of its own."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.docs.pages import PAGES, ROOT, Example, examples

import caloforge
from caloforge.cli.app import main
from caloforge.zoo import sample_path

SMALLER = [
    (r"(simulate .*)--energy \S+", r"\1--energy 10:12"),
    (r"(simulate .*)-n \d+", r"\1-n 100"),
    (r"--energy log:10:500", "--energy log:10:50"),
    (r"(generate .*)-n \d+", r"\1-n 200"),
    (r"(generate \S+\.onnx .*)--energy \S+", r"\1"),
    (r"(bench run .*)", r"\1 --seconds 0.01 --repeats 1 --showers 40"),
    (r"--trials \d+", "--trials 2"),
    (r"draw\(100, \"10:500\"", 'draw(20, "10:12"'),
]
"""What is shown, and what is run in its place: fewer showers, less energy, less time."""
SMALLER_RECIPE = [
    (r"epochs = \d+", "epochs = 1"),
    (r"(?s)(name = \"factorised\".*epochs =) 1", r"\1 3"),  # the last one measures
    (r"batch_size = \d+", "batch_size = 16"),
    (r"warmup_epochs = \d+", "warmup_epochs = 0"),
    (r"repeats = \d+", "repeats = 4"),
    (r"channels = 64", "channels = 16"),
    (r"channels = \{choices = [^}]*\}", "channels = {choices = [16, 32]}"),
    (r"max_showers = \{choices = [^}]*\}", "max_showers = {choices = [60]}"),
    (r"epochs\" = \{choices = [^}]*\}", 'epochs" = {choices = [1]}'),
    (r"trials = \d+", "trials = 2"),
]
GIVEN = ("showers.h5", "geant4.h5", "generated.h5")
SHOWERS = 120


def replaced(text: str, replacements: list[tuple[str, str]]) -> str:
    for pattern, replacement in replacements:
        text = re.sub(pattern, replacement, text)
    return text


def quick(block: Example) -> bool:
    return not block.mark


def runnable(block: Example) -> bool:
    return not block.mark.startswith("not run")


class Reader:
    """Follows a page, in a folder with the recipes and the files that a reader has already."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys, self.names = folder, capsys, {}
        shutil.copytree(ROOT / "recipes", folder / "recipes")
        for recipe in (folder / "recipes").rglob("*.toml"):
            recipe.write_text(replaced(recipe.read_text(), SMALLER_RECIPE))

    def follow(self, page: Path, wanted: Callable[[Example], bool]) -> None:
        for block in filter(wanted, examples(page)):
            if block.language == "python":
                exec(compile(replaced(block.text, SMALLER), block.where, "exec"), self.names)
            elif block.language == "console":
                for words in block.commands:
                    self.run(replaced(" ".join(words), SMALLER).split(), block.where)

    def run(self, words: list[str], where: str) -> None:
        for before, word in zip(["", *words], words, strict=False):
            if before != "-o" and not (self.folder / word).exists():
                self.give(word)
        with pytest.raises(SystemExit) as ended:
            main(words)
        said = self.capsys.readouterr().err
        assert not ended.value.code, f"{where}: caloforge {' '.join(words)}\n{said}"

    def give(self, name: str) -> None:
        """A file that a page takes for granted: Geant4 showers, or a model."""
        if name in GIVEN:
            start = SHOWERS * GIVEN.index(name)
            sample = caloforge.read(sample_path("clic_ecal_fixed"), start, start + SHOWERS)
            caloforge.write(self.folder / name, sample)
        elif name.endswith(".onnx"):
            self.run(
                ["train", "recipes/layered2d.toml", "--data", "showers.h5", "-o", "given"], name
            )
            self.run(["export", "given", "-o", name], name)


@pytest.fixture
def reader(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Reader(tmp_path, capsys)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(map(quick, examples(page)))], ids=lambda page: page.name
)
def test_quick_examples(reader, page):
    reader.follow(page, quick)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(block.mark == "slow" for block in examples(page))],
    ids=lambda page: page.name,
)
def test_all_examples(reader, page):
    reader.follow(page, runnable)
