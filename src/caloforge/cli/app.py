"""The table of verbs, and the one place where an error becomes a line and an exit code."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from caloforge.cli import EXIT_INTERRUPTED, interrupted
from caloforge.errors import CaloforgeError

VERBS = {
    "make": "Make a model of a calorimeter: simulate, train, export, tune, validate.",
    "info": "Describe any sample, model or detector.",
    "simulate": "Simulate showers with Geant4, in the 3DGAN HDF5 layout.",
    "generate": "Generate showers with a trained model.",
    "validate": "Compare generated showers with Geant4: a table and a report.",
    "convert": "Write a sample in another file format.",
    "train": "Train a network.",
    "search": "Search for a better recipe.",
    "export": "Export a model: ONNX with its card, or what a host framework loads.",
    "bench": "Time models beside Geant4, and what makes them fast.",
    "prune": "Remove channels from a trained network, and train on.",
    "quantize": "Quantize a model to INT8, as far as the physics holds.",
}
"""What ``caloforge --help`` shows; the verb is the function, or the app, of its module's name."""

EXIT_USER_ERROR = 2


class Verbs(TyperGroup):
    """The verbs of the table; the module of one is imported when it is used."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, line in VERBS.items():
            self.add_command(TyperCommand(name, help=line))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command in place of the table's line."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load_verb(str(name)), rest


def load_verb(name: str) -> Any:
    """The command of a verb."""
    verb = getattr(import_module(f"caloforge.cli.{name}"), name)
    if not isinstance(verb, typer.Typer):
        function, verb = verb, typer.Typer(add_completion=False, rich_markup_mode=None)
        verb.command(name)(function)
    return typer.main.get_command(verb)


app = typer.Typer(
    name="caloforge",
    cls=Verbs,
    help="Fast calorimeter simulation: Geant4 showers in, trusted fast showers out.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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
        code = app(args=given or ["--help"], prog_name="caloforge", standalone_mode=False) or 0
        if code == EXIT_INTERRUPTED:  # what typer makes of Ctrl-C
            interrupted()
        sys.exit(code)
    except CaloforgeError as error:
        _refuse(str(error))
    except typer.BadParameter as error:  # says itself what is allowed
        _refuse(error.format_message().replace(": Value error, ", ": "))
    except typer.TyperException as error:
        _refuse(f"{error.format_message()} ({_help_of(error)} shows what is allowed)")
    except MemoryError as error:
        _refuse(f"not enough memory: {error}; ask for less at a time")
    except OSError as error:
        _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (KeyboardInterrupt, typer.Abort):
        interrupted()


def _help_of(error: typer.TyperException) -> str:
    """The command that explains the one that was mistyped."""
    context = getattr(error, "ctx", None)
    verbs = context.command_path.split()[1:] if context is not None else []
    return " ".join(["caloforge", *verbs, "--help"])


def _refuse(message: str) -> NoReturn:
    from rich.console import Console

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print("[bold red]caloforge: error:[/]", end=" ")
    print(" ".join(message.split()), file=sys.stderr)
    sys.exit(EXIT_USER_ERROR)
