"""What pages say of the command line, and where their links lead."""

import re

import pytest
import typer
from tests.docs.pages import PAGES, ROOT, examples

from caloforge.cli.app import app

INLINE = re.compile(r"`caloforge ([^`]+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


COMMANDS = typer.main.get_command(app)


def descend(words):
    """The command of these words, and the words that are left for it."""
    command = COMMANDS
    while inner := getattr(command, "commands", {}).get(words[0] if words else ""):
        command, words = inner, words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists_with_the_options_it_is_shown_with(page):
    inline = [words.split() for words in INLINE.findall(page.read_text())]
    for words in inline + [words for block in examples(page) for words in block.commands]:
        command, arguments = descend(words)
        known = {"--help"}.union(*((*one.opts, *one.secondary_opts) for one in command.params))
        assert not hasattr(command, "commands") or arguments[0] in known, words
        assert {word for word in arguments if re.match("--?[a-z]", word)} <= known, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_block_is_complete(page):
    for block in examples(page):
        for words in block.commands:
            command, arguments = descend(words)
            if "..." not in words and arguments != ["--help"] and arguments != ["--version"]:
                command.make_context(block.where, arguments)  # raises what the user would see


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_outside_the_site_lead_somewhere(name):
    """Those between pages are checked when the site is built."""
    targets = LINK.findall((ROOT / name).read_text())
    assert [target for target in targets if not (ROOT / target).exists()] == []
