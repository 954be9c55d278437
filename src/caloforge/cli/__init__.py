"""The command line: one module a verb, imported when the verb is used."""

import sys
from typing import NoReturn

EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl-C is one line from the first import on."""
    try:
        from caloforge.cli.app import main as run

        run()
    except KeyboardInterrupt:
        interrupted()


def interrupted() -> NoReturn:
    """Say that Ctrl-C ended the work, and how it goes on."""
    print("caloforge: interrupted; the same command continues the work", file=sys.stderr)
    sys.exit(EXIT_INTERRUPTED)
