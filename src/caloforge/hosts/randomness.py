"""Random numbers inside a graph: as many as a model needs, from the few that a host gives.

The host's numbers, bit by bit, become a key of 96 bits, and the key and a counter become random
words, both through ``pcg4d`` (Jarzynski and Olano, Hash Functions for GPU Rendering, Journal of
Computer Graphics Techniques 9(3), 2020), a mixing function of four 32-bit words. So the host's
seed fixes the shower, and one bit of difference in one number makes another shower.

Only additions, products, shifts and exclusive ors of 32-bit integers that wrap around: ONNX
Runtime and OpenVINO give the same bits.
"""

import numpy as np

from caloforge.card import Latent
from caloforge.hosts.writer import FLOAT, INT32, UINT32, GraphWriter

MULTIPLIER, INCREMENT = 1664525, 1013904223
"""Of the linear congruential generator that ``pcg4d`` starts with (Numerical Recipes)."""
KEY_CONSTANTS = (0x243F6A88, 0x05A308D3)
"""Digits of pi: fill the two words beside a number of the host and its place."""
KEY_WORDS = 3
LARGEST_NUMBER = 16.0
"""A host's numbers are cut off here; of normal numbers none is larger."""
BITS_KEPT = 26
"""Steps of 2**-26: all that float32 holds of a number above a quarter."""
UNIFORM_BITS = 24

Words = tuple[str, str, str, str]


def latent_from(writer: GraphWriter, numbers: str, count: int, latent: Latent) -> str:
    """The latent vector (1, L) of a model from ``count`` numbers of the host, a tensor (count,)."""
    key = _key(writer, numbers, count)
    quarter = -(-latent.dim // 4)
    quarter += quarter % 2  # normal numbers come in pairs
    counter = writer.constant(np.arange(quarter), np.int32)
    first, second, third = key
    words = writer.add("Concat", *pcg4d(writer, (first, second, third, counter)), axis=0)
    uniform = _uniform(writer, words)
    if latent.distribution == "normal":
        uniform = _normal(writer, uniform, 2 * quarter)
    return writer.reshape(writer.piece(uniform, 0, latent.dim), 1, latent.dim)


def pcg4d(writer: GraphWriter, words: Words) -> Words:
    """Four int32 tensors that broadcast against each other, mixed."""
    multiplier = writer.constant(MULTIPLIER, np.int32)
    increment = writer.constant(INCREMENT, np.int32)
    x, y, z, w = (
        writer.add("Add", writer.add("Mul", word, multiplier), increment) for word in words
    )
    x, y, z, w = _stir(writer, x, y, z, w)
    x, y, z, w = (writer.add("BitwiseXor", v, _shifted(writer, v, 16)) for v in (x, y, z, w))
    return _stir(writer, x, y, z, w)


def _stir(writer: GraphWriter, x: str, y: str, z: str, w: str) -> Words:
    x = writer.add("Add", x, writer.add("Mul", y, w))
    y = writer.add("Add", y, writer.add("Mul", z, x))
    z = writer.add("Add", z, writer.add("Mul", x, y))
    w = writer.add("Add", w, writer.add("Mul", y, z))
    return x, y, z, w


def _shifted(writer: GraphWriter, word: str, bits: int) -> str:
    """The word shifted right, zeros coming in.

    OpenVINO divides signed numbers instead: what would be rounded goes first, and the copies of
    the sign after.
    """
    high, low = -(2**bits), 2 ** (32 - bits) - 1
    kept = writer.cast(writer.add("BitwiseAnd", word, writer.constant(high, np.int32)), UINT32)
    shifted = writer.add("BitShift", kept, writer.constant(bits, np.uint32), direction="RIGHT")
    mask = writer.constant(low, np.int32)
    return writer.add("BitwiseAnd", writer.cast(shifted, INT32), mask)


def _key(writer: GraphWriter, numbers: str, count: int) -> list[str]:
    """Three words (1,): the exclusive or of what each number, mixed with its place, makes."""
    end = writer.constant(LARGEST_NUMBER), writer.constant(-LARGEST_NUMBER)
    within = writer.add("Max", writer.add("Min", numbers, end[0]), end[1])
    scaled = writer.add("Mul", within, writer.constant(2.0**BITS_KEPT))
    word = writer.cast(scaled, INT32)
    width = 1 << (count - 1).bit_length()
    if width > count:
        none = writer.constant(np.zeros(width - count), np.int32)
        word = writer.add("Concat", word, none, axis=0)
    place = writer.constant(np.arange(width), np.int32)
    first, second = (writer.constant(number, np.int32) for number in KEY_CONSTANTS)
    mixed = pcg4d(writer, (word, place, first, second))[:KEY_WORDS]
    rows = [writer.reshape(part, 1, width) for part in mixed]
    key = writer.add("Concat", *rows, axis=0)
    while width > 1:
        width //= 2
        halves = writer.split("Split", key, parts=2, axis=1, num_outputs=2)
        key = writer.add("BitwiseXor", *halves)
    return [
        writer.reshape(part, 1)
        for part in writer.split("Split", key, parts=KEY_WORDS, axis=0, num_outputs=KEY_WORDS)
    ]


def _uniform(writer: GraphWriter, words: str) -> str:
    """Floats in [0, 1), steps of 2**-24, from int32 words."""
    number = writer.cast(_shifted(writer, words, 32 - UNIFORM_BITS), FLOAT)
    return writer.add("Mul", number, writer.constant(2.0**-UNIFORM_BITS))


def _normal(writer: GraphWriter, uniform: str, pairs: int) -> str:
    """Normal numbers (2 * pairs,) from uniform ones (2 * pairs,), after Box and Muller."""
    first, second = writer.piece(uniform, 0, pairs), writer.piece(uniform, pairs, 2 * pairs)
    logarithm = writer.add("Log", writer.add("Sub", writer.constant(1.0), first))
    radius = writer.add("Sqrt", writer.add("Mul", logarithm, writer.constant(-2.0)))
    turn = writer.add("Mul", second, writer.constant(2 * np.pi))
    parts = (writer.add("Mul", radius, writer.add(f, turn)) for f in ("Cos", "Sin"))
    return writer.add("Concat", *parts, axis=0)
