"""``python -m caloforge`` is the command line."""

from caloforge.cli.app import main

main()
