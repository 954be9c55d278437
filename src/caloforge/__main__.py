"""``python -m caloforge`` is the command line."""

from caloforge.cli.app import main

if __name__ == "__main__":
    main()
