"""The command line: parse, call, write. One file per verb."""
