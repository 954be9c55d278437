"""A model's response inside a graph."""

from collections.abc import Sequence

from caloforge.card import Response
from caloforge.hosts.writer import GraphWriter


def write_response(response: Response, writer: GraphWriter, energy: str, theta: str) -> str:
    """The response (1,) at tensors (1,) of an energy in GeV and an angle in rad."""
    logarithm = writer.add("Log", energy)
    total = _polynomial(writer, response.coefficients, logarithm)
    if not response.path_coefficients:
        return total
    path = writer.add("Reciprocal", writer.add("Sin", theta))
    longer = writer.add("Sub", path, writer.constant([1.0]))
    slope = _polynomial(writer, response.path_coefficients, logarithm)
    return writer.add("Add", total, writer.add("Mul", slope, longer))


def _polynomial(writer: GraphWriter, coefficients: Sequence[float], logarithm: str) -> str:
    """Coefficients are the highest power's first."""
    total = writer.constant([coefficients[0]])
    for coefficient in coefficients[1:]:
        term = writer.add("Mul", total, logarithm)
        total = writer.add("Add", term, writer.constant([coefficient]))
    return total
