"""How the house writes docstrings, said in the words that the API reference reads (griffe)."""

import re
from typing import Any

import griffe

ROLE = re.compile(r":[a-z]+:`~?\.?([^`]+)`")
ENTRY = re.compile(r"^(\w+(?:, \w+)*) : (.*)$")


def plain(text: str) -> str:
    """Roles as code, entries of Attributes with their words below, doctests in a section.

    >>> plain("Makes :class:`~caloforge.showers.Showers`.")
    'Makes `caloforge.showers.Showers`.'
    """
    lines: list[str] = []
    for line in ROLE.sub(r"`\1`", text).splitlines():
        if entry := ENTRY.match(line):
            lines += [entry[1], f"    {entry[2]}"]
            continue
        if line.startswith(">>> ") and (not lines or not lines[-1]):
            lines += ["Examples", "--------"]
        lines.append(line)
    return "\n".join(lines)


class HouseStyle(griffe.Extension):
    """Rewrites every docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = plain(obj.docstring.value)
