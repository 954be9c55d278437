"""The table of verbs, and the one place where an error becomes a line and an exit code."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from caloforge.errors import CaloforgeError

VERBS = (
    "info",
    "simulate",
    "generate",
    "validate",
    "convert",
    "train",
    "search",
    "export",
    "bench",
    "quantize",
)
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="caloforge",
    help="Fast calorimeter simulation: Geant4 showers in, trusted fast showers out.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for _verb in VERBS:
    app.command(_verb)(getattr(import_module(f"caloforge.cli.{_verb}"), _verb))


def _print_version(wanted: bool) -> None:
    if wanted:
        from caloforge import __version__

        typer.echo(f"caloforge {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a user's error is one line on stderr and exit code 2."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = app(args=given or ["--help"], standalone_mode=False) or 0
        if code == EXIT_INTERRUPTED:  # what typer makes of Ctrl-C
            raise KeyboardInterrupt
        sys.exit(code)
    except CaloforgeError as error:
        _refuse(str(error))
    except typer.TyperException as error:
        _refuse(f"{error.format_message()} (caloforge --help shows what is allowed)")
    except MemoryError as error:
        _refuse(f"not enough memory: {error}; ask for less at a time")
    except OSError as error:
        _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (KeyboardInterrupt, typer.Abort):
        print("caloforge: interrupted; the same command continues the work", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)


def _refuse(message: str) -> NoReturn:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print("[bold red]caloforge: error:[/]", end=" ")
    print(" ".join(message.split()), file=sys.stderr)
    sys.exit(EXIT_USER_ERROR)
