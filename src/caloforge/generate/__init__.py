"""A model file as a source of showers: in memory, as a stream, or into a file that resumes."""

from caloforge.generate.file import generate_file
from caloforge.generate.generator import Generator, load

__all__ = ["Generator", "generate_file", "load"]
