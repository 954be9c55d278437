"""``python -m caloforge`` is the command line."""

from caloforge.cli import main

if __name__ == "__main__":
    main()
