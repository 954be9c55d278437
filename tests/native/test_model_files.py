"""Model files that are cut, damaged or of another form: one line, never a crash."""

import subprocess
import sys

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
native = pytest.importorskip("caloforge_native", reason="caloforge-native is not built")

from caloforge.networks.factorised.tables import TABLES_KEY  # noqa: E402
from caloforge.zoo import model_path  # noqa: E402

OTHERS = ("thick_inclined", "thick_rings")
"""Kinds of small networks that have all tables that the bundled models have not."""

FUZZ = """
import sys, numpy as np, caloforge_native as native
content, count = open(sys.argv[1], "rb").read(), int(sys.argv[2])
rng = np.random.default_rng(1)
made = refused = 0
small = [n for n in range(len(content) - 64) if content[n : n + 9] == b"factorise"]
for _ in range(count):
    changed = bytearray(content)
    for _ in range(rng.integers(1, 9)):
        place = int(rng.integers(len(content)))
        if rng.random() < 0.5:
            place = int(len(content) * rng.beta(0.3, 0.3)) % len(content)
        if rng.random() < 0.2 and small:
            place = small[0] + int(rng.integers(600))
        changed[place % len(changed)] = rng.integers(256)
    if rng.random() < 0.1:
        changed = changed[: rng.integers(len(changed))]
    try:
        sampler = native.Sampler(bytes(changed))
        for n in (1, 16):
            low = np.full(n, 50.0, np.float32)
            native.Maker(sampler).make(1, 0, low, np.full(n, np.pi / 2, np.float32))
        made += 1
    except native.ModelFileError as problem:
        assert "\\n" not in str(problem)
        refused += 1
print(made, refused)
"""


@pytest.fixture(scope="module")
def proto():
    return onnx.load(str(model_path("clic_ecal_fixed")))


@pytest.fixture(scope="module")
def toy_proto(toy_file):
    """The model of a kind of small networks."""
    return lambda kind: onnx.load(str(toy_file(kind)))


def refusal(proto):
    with pytest.raises(native.ModelFileError) as caught:
        native.Sampler(proto.SerializeToString())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def changed_table(proto, name, change):
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    (entry,) = [entry for entry in copy.metadata_props if entry.key == TABLES_KEY]
    lines = [line.split() for line in entry.value.splitlines()]
    held = {line[1]: line[2] for line in lines if line[0] == "table"}.get(name, name)
    (tensor,) = [tensor for tensor in copy.graph.initializer if tensor.name == held]
    values = change(onnx.numpy_helper.to_array(tensor).copy())
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, held))
    return copy


def poisoned(values):
    values.flat[2] = np.nan
    return values


@pytest.mark.parametrize(
    ("name", "change", "line"),
    [
        ("layers.scale", lambda v: v[:-1], "'layers.scale' has 24 numbers, it must have 25"),
        ("deposits.table", poisoned, "'deposits.table' holds a number that is not finite"),
        ("deposits.table", lambda v: -v, "'deposits.table' holds -"),
        ("deposits.table", lambda v: v[::-1].copy(), "hits behind a column without one"),
        ("halo.instead", lambda v: v + 1e9, "'halo.instead' holds .* no whole number below"),
        ("halo.instead", lambda v: v + 0.5, "'halo.instead' holds .* no whole number below"),
        ("halo.poisson", lambda v: v - 1, "'halo.poisson' holds .* no whole number below"),
        ("noise.core.memory", lambda v: v.astype(np.float64), "not of the type"),
        ("layers.couplings.0.network.0.weight", lambda v: v[:, :1], "weight' has 48 numbers"),
        ("deposits.shift", lambda v: v + 9, "'deposits.shift' holds .* allowed are"),
        ("hit_numbers.table", lambda v: v + 99, "'hit_numbers.table' holds .* no whole number"),
        ("hit_numbers.chance", lambda v: 0 * v, "'hit_numbers.chance' holds .* allowed are"),
    ],
)
def test_wrong_tables_are_refused(proto, name, change, line):
    import re

    assert re.search(line, refusal(changed_table(proto, name, change)))


def test_a_cut_table_is_refused(proto):
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    (tensor,) = [t for t in copy.graph.initializer if t.name == "halo.kept"]
    tensor.raw_data = tensor.raw_data[:-8]
    assert "'halo.kept' is cut" in refusal(copy)


def test_a_missing_table_is_refused(proto):
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    (tensor,) = [t for t in copy.graph.initializer if t.name == "halo.kept"]
    copy.graph.initializer.remove(tensor)
    assert "'halo.kept' is missing" in refusal(copy)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("factorised 9", "factorised 6", "form that this version does not know"),
        ("factorised 9", "factorised 12", "form that this version does not know"),
        ("factorised 9", "factorised_rings 1", "description of tables is damaged: window"),
        ("image 25 25 25", "image 25 25", "description of tables is damaged: image"),
        ("image 25 25 25", "image 25 -25 25", "description of tables is damaged: image"),
        ("window 15 15", "window 16 15", "description of tables is damaged: window"),
        ("window 15 15", "window 3 3", "description of tables is damaged: window"),
        ("sharing 0.14", "sharing nan", "description of tables is damaged: sharing"),
        ("energy_gev 10.0", "energy_gev -10.0", "description of tables is damaged: energy_gev"),
        ("image 25 25 25", "image 27 27 25", "halo.kept' has"),
    ],
)
def test_a_wrong_description_is_refused(proto, old, new, line):
    assert line in refusal(changed_description(proto, old, new))


def changed_description(proto, old, new):
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    (entry,) = [entry for entry in copy.metadata_props if entry.key == TABLES_KEY]
    assert old in entry.value
    entry.value = entry.value.replace(old, new)
    return copy


@pytest.mark.parametrize(
    ("kind", "name", "change", "line"),
    [
        ("thick", "layers.weight", lambda v: v[:-1], "'layers.weight' has 3 numbers"),
        ("thick", "layers.weight", lambda v: -v, "'layers.weight' holds -"),
        ("thick", "layers.conversion.depth", lambda v: v[::-1].copy(), "depth' does not rise"),
        ("thick", "layers.conversion.depth", lambda v: v + 0.5, "no whole number below"),
        ("thick", "layers.conversion.depth", lambda v: v - 9, "no whole number below"),
        ("thick", "layers.conversion.depth", lambda v: v + 2, "weight' has 32 numbers, it must"),
        ("thick", "layers.conversion.begun", lambda v: v[:-1], "begun' has 24 numbers"),
        ("placed", "layers.quantiles", lambda v: v[:, :-1], "quantiles' has 2376 numbers"),
        ("rings", "pattern.shares", lambda v: v[:-1], "'pattern.shares' has 60 numbers"),
        ("rings", "pattern.shares", lambda v: v[:0], "'pattern.shares' has an impossible size"),
        ("rings", "pattern.shares", poisoned, "'pattern.shares' holds a number that is not"),
        ("rings", "noise.field.basis", lambda v: 2 * v, "'noise.field.basis' holds "),
        ("rings", "noise.field.memory", lambda v: v[:-1], "'noise.field.memory' has 288 numbers"),
        ("rings", "noise.field.share", lambda v: v + 1, "'noise.field.share' holds 1"),
        ("rings", "noise.sharing.ring", poisoned, "'noise.sharing.ring' holds a number"),
        ("rings", "noise.sharing.either", lambda v: v[:1], "'noise.sharing.either' has 1 num"),
    ],
)
def test_wrong_tables_of_other_kinds_are_refused(toy_proto, kind, name, change, line):
    assert line in refusal(changed_table(toy_proto(kind), name, change))


@pytest.mark.parametrize(
    ("kind", "old", "new", "key"),
    [
        ("thick", "deep_sharing 0.2", "deep_sharing 0.7", "deep_sharing"),
        ("thick", "deep_sharing 0.2", "deep_sharing", "deep_sharing"),
        ("thick", "layer_classes 0.03 3.0", "layer_classes 0.03 1.0", "layer_classes"),
        ("thick", "layer_classes 0.03 3.0", "layer_classes nan 3.0", "layer_classes"),
        ("rings", "sectors 8 8", "sectors 9 8", "sectors"),
        ("rings", "sectors 8 8", "sectors 8", "sectors"),
        ("rings", "window whole", "window 3 8", "window"),
        ("rings", "theta_rad 1.57", "theta_rad 1.37", "theta_rad"),
    ],
)
def test_a_wrong_description_of_other_kinds_is_refused(toy_proto, kind, old, new, key):
    found = refusal(changed_description(toy_proto(kind), old, new))
    assert found == f"its description of tables is damaged: {key}"


def test_files_without_names_say_so(proto, tmp_path):
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    card = [entry for entry in copy.metadata_props if entry.key != TABLES_KEY]
    del copy.metadata_props[:]
    assert "not a caloforge model" in refusal(copy)
    copy.metadata_props.extend(card)
    assert "does not name its tables" in refusal(copy)
    with pytest.raises(native.ModelFileError, match="no file that can be read"):
        native.Sampler(str(tmp_path / "nothing.onnx"))
    with pytest.raises(native.ModelFileError, match="not an ONNX file, or a damaged one"):
        native.Sampler(b"hello, hello")


def test_what_is_no_text_is_said_in_ascii(proto):
    content = proto.SerializeToString()
    assert content.count(b"transposed permute") == 1
    with pytest.raises(native.ModelFileError, match=r"damaged: 'table .*transposed\?permute'"):
        native.Sampler(content.replace(b"transposed permute", b"transposed\xe9permute"))


def fuzzed(proto, tmp_path, count):
    """(made, refused) of mutated files, in a process of its own."""
    path = tmp_path / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    command = [sys.executable, "-c", FUZZ, str(path), str(count)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return [int(word) for word in done.stdout.split()]


@pytest.mark.parametrize("kind", [None, *OTHERS])
def test_mutated_files_never_crash(proto, toy_proto, tmp_path, kind):
    made, refused = fuzzed(toy_proto(kind) if kind else proto, tmp_path, 60)
    assert made + refused == 60 and refused > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", [None, *OTHERS])
def test_many_mutated_files_never_crash(proto, toy_proto, tmp_path, kind):
    made, refused = fuzzed(toy_proto(kind) if kind else proto, tmp_path, 10_000)
    assert made > 100 and refused > 1000
