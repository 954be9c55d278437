"""Random numbers inside a graph against the same formula in numpy, and against chance."""

import numpy as np
import onnxruntime
import pytest

onnx = pytest.importorskip("onnx")
from caloforge.card import Latent  # noqa: E402
from caloforge.hosts.randomness import latent_from  # noqa: E402
from caloforge.hosts.writer import GraphWriter, value  # noqa: E402

NUMBERS, DIM = 10, 3001


def graph(latent, count=NUMBERS):
    writer = GraphWriter()
    made = latent_from(writer, "numbers", count, latent)
    inside = onnx.helper.make_graph(
        writer.nodes,
        "g",
        [value("numbers", (count,))],
        [value(made, (1, latent.dim))],
        writer.initializers,
    )
    opset = [onnx.helper.make_opsetid("", 18)]
    return onnx.helper.make_model(inside, opset_imports=opset, ir_version=8).SerializeToString()


def latents(latent, rows, count=NUMBERS):
    session = onnxruntime.InferenceSession(graph(latent, count))
    return np.array([session.run(None, {"numbers": row})[0][0] for row in rows])


def pcg4d(*words):
    """Jarzynski and Olano's function as they print it, of arrays of unsigned words."""
    x, y, z, w = (
        word * np.uint32(1664525) + np.uint32(1013904223) for word in np.broadcast_arrays(*words)
    )

    def stir(x, y, z, w):
        x = x + y * w
        y = y + z * x
        z = z + x * y
        w = w + y * z
        return x, y, z, w

    return stir(*(word ^ (word >> np.uint32(16)) for word in stir(x, y, z, w)))


def slow(numbers, dim):
    word = (numbers * np.float32(2**26)).astype(np.int32)
    padded = np.zeros(1 << (len(word) - 1).bit_length(), np.int32)
    padded[: len(word)] = word
    place = np.arange(len(padded), dtype=np.uint32)
    mixed = pcg4d(padded.view(np.uint32), place, np.uint32(0x243F6A88), np.uint32(0x05A308D3))
    key = [np.bitwise_xor.reduce(part, keepdims=True) for part in mixed[:3]]
    quarter = -(-dim // 4)
    quarter += quarter % 2
    words = np.concatenate(pcg4d(*key, np.arange(quarter, dtype=np.uint32)))
    return ((words >> np.uint32(8)) / 2.0**24).astype(np.float32)[:dim]


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(1).standard_normal((200, NUMBERS)).astype(np.float32)


@pytest.fixture(scope="module")
def uniform(rows):
    return latents(Latent(dim=DIM, distribution="uniform"), rows)


def test_the_graph_is_the_formula(rows, uniform):
    for row, made in zip(rows[:5], uniform, strict=False):
        np.testing.assert_array_equal(made, slow(row, DIM))


def test_openvino_gives_the_same_bits(rows, uniform):
    openvino = pytest.importorskip("openvino")
    core = openvino.Core()
    text = graph(Latent(dim=DIM, distribution="uniform"))
    model = core.compile_model(core.read_model(text), "CPU", {"INFERENCE_NUM_THREADS": 1})
    for row, made in zip(rows[:5], uniform, strict=False):
        np.testing.assert_array_equal(model([row])[0][0], made)


def chance(counts):
    """How many standard deviations a histogram is from a flat one, by chi squared."""
    expected, n = counts.mean(), counts.size - 1
    return abs(((counts - expected) ** 2 / expected).sum() - n) / np.sqrt(2 * n)


def test_uniform_numbers_are_uniform_and_independent(uniform):
    assert uniform.min() >= 0 and uniform.max() < 1
    assert chance(np.histogram(uniform, 256, (0, 1))[0]) < 4
    last_bits = (uniform * 2**24).astype(np.int64).ravel() % 256
    assert chance(np.bincount(last_bits, minlength=256)) < 4
    for lag in (1, 2, 3, 752, 1504):  # neighbours, and the words of one call
        before, after = uniform[:, :-lag].ravel(), uniform[:, lag:].ravel()
        assert chance(np.histogram2d(before, after, 16, [[0, 1]] * 2)[0]) < 4
    places = (uniform.mean(axis=0) - 0.5) * np.sqrt(12 * len(uniform))
    assert abs(places.std() - 1) < 0.08


def test_showers_do_not_resemble_each_other(uniform):
    between = np.corrcoef(uniform)[np.triu_indices(len(uniform), 1)] * np.sqrt(DIM)
    assert abs(between.std() - 1) < 0.03 and np.abs(between).max() < 5.5


@pytest.mark.parametrize("place", [0, 3, NUMBERS - 1])
def test_the_last_bit_of_any_number_makes_another_shower(rows, place):
    row = rows[0] / 8
    other = row.copy()
    other[place] += np.sign(other[place]) * np.float32(2.0**-26)
    first, second, again = latents(
        Latent(dim=DIM, distribution="uniform"), np.stack([row, other, row])
    )
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(DIM)


def test_exchanged_numbers_make_another_shower(rows):
    row = rows[0]
    first, second = latents(Latent(dim=64, distribution="uniform"), np.stack([row, row[::-1]]))
    assert not np.array_equal(first, second)


def test_one_number_is_enough():
    rows = np.array([[0.1], [0.2]], np.float32)
    first, second = latents(Latent(dim=50, distribution="uniform"), rows, count=1)
    assert not np.array_equal(first, second)


def test_normal_numbers_are_normal(rows):
    normal = latents(Latent(dim=DIM), rows)
    error = 1 / np.sqrt(normal.size)
    assert abs(normal.mean()) < 4 * error and abs(normal.var() - 1) < 6 * error
    assert abs((normal**4).mean() - 3) < 40 * error
    half = 4 * (-(-DIM // 8))
    pairs = normal[:, : DIM - half], normal[:, half:]
    assert abs((pairs[0] * pairs[1]).mean()) < 4 * error * np.sqrt(2)
