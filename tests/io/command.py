"""The command line as several tests of files call it."""

import pytest

from caloforge.cli.app import main


def call(*arguments) -> int:
    """The exit code of the command line."""
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    return ended.value.code or 0
