"""What pages say of the command line, and where their links lead."""

import re

import pytest
import typer
from tests.docs.pages import PAGES, ROOT, examples

import caloforge
from caloforge.cli.app import VERBS, load_verb
from caloforge.errors import CaloforgeError

INLINE = re.compile(r"`caloforge ([^`]+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


OPTIONS_OF_ALL = {"--help", "--version"}


def descend(words):
    """The command of these words, and the words that are left for it."""
    if words[0] not in VERBS:
        return None, words
    command, words = load_verb(words[0]), words[1:]
    while inner := getattr(command, "commands", {}).get(words[0] if words else ""):
        command, words = inner, words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists_with_the_options_it_is_shown_with(page):
    inline = [words.split() for words in INLINE.findall(page.read_text())]
    for words in inline + [words for block in examples(page) for words in block.commands]:
        command, arguments = descend(words)
        options = {word for word in arguments if re.match("--?[a-z]", word)} - OPTIONS_OF_ALL
        params = [] if command is None else command.params
        known = {name for one in params for name in (*one.opts, *one.secondary_opts)}
        assert options <= known, words
        assert command is not None or set(arguments) <= OPTIONS_OF_ALL, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_block_is_complete(page):
    for block in examples(page):
        for words in block.commands:
            command, arguments = descend(words)
            if command is None or "..." in words:
                continue
            try:
                command.make_context(block.where, arguments)
            except (typer.BadParameter, CaloforgeError) as error:  # its file is not here
                assert re.search("does not exist|no model file", str(error)), block.where


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_outside_the_site_lead_somewhere(name):
    """Those between pages are checked when the site is built."""
    targets = LINK.findall((ROOT / name).read_text())
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_api_pages_describe_the_public_surface():
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "api").glob("*.md"))
    described = set(re.findall(r"^::: caloforge\.(\w+)$", pages, re.MULTILINE))
    assert set(caloforge.__all__) <= described
