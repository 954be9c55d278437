"""What each way to write showers costs: us and bytes a shower.

    python benchmarks/writing.py [SHOWERS] [FOLDER]

Cells are repeated from the bundled Geant4 sample. ``h5py``: rows through the HDF5 library.
``direct``: rows straight to their place, as caloforge writes them; ``kept``: the same without
handing the file on to the disk. ``sparse``: indices and energies of the hit cells, made here by
numpy. Every file is new, and removed.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from caloforge import io, zoo
from caloforge.beam import Conditions
from caloforge.io import ShowerWriter, raw
from caloforge.showers import Showers

ROWS = 128


def write_library(path: Path, sample: Showers, n: int) -> None:
    """Contiguous rows through the HDF5 library."""
    with h5py.File(path, "w") as file:
        cells = file.create_dataset("ECAL", (n, *sample.cells.shape[1:]), "f4")
        for start in range(0, n, ROWS):
            part = sample.cells[: min(ROWS, n - start)]
            cells[start : start + len(part)] = part


def write_caloforge(path: Path, sample: Showers, n: int, compression: str | None = None) -> None:
    """As ``caloforge generate`` writes."""
    shape = sample.cells.shape[1:]
    conditions = Conditions(sample.energy[:ROWS], sample.theta[:ROWS])
    with ShowerWriter(path, sample.detector, shape, n, compression=compression) as writer:
        for start in range(0, n, ROWS):
            rows = min(ROWS, n - start)
            writer.write(start, sample.cells[:rows], conditions[:rows])
        writer.finish()


def write_kept(path: Path, sample: Showers, n: int) -> None:
    """As ``caloforge generate`` writes, but leaving the file in the page cache."""
    before, raw.KEPT_BYTES = raw.KEPT_BYTES, 2**62
    write_caloforge(path, sample, n)
    raw.KEPT_BYTES = before


def write_sparse(path: Path, sample: Showers, n: int) -> None:
    """Flat index and energy of the hit cells, and where each shower begins."""
    with h5py.File(path, "w") as file:
        index = file.create_dataset("index", (0,), "u2", maxshape=(None,), chunks=(2**18,))
        energy = file.create_dataset("hit_energy", (0,), "f4", maxshape=(None,), chunks=(2**18,))
        counts, end = [], 0
        for start in range(0, n, ROWS):
            flat = sample.cells[: min(ROWS, n - start)].reshape(-1, sample.cells[0].size)
            row, column = np.nonzero(flat)
            begin, end = end, end + len(row)
            for dataset, values in ((index, column), (energy, flat[row, column])):
                dataset.resize((end,))
                dataset[begin:end] = values
            counts.append(np.bincount(row, minlength=len(flat)))
        file["count"] = np.concatenate(counts)


WAYS: dict[str, Callable[[Path, Showers, int], None]] = {
    "h5py": write_library,
    "direct, kept": write_kept,
    "direct": write_caloforge,
    "sparse": write_sparse,
    "lzf": lambda path, sample, n: write_caloforge(path, sample, n // 10, "lzf"),
    "gzip": lambda path, sample, n: write_caloforge(path, sample, n // 10, "gzip"),
}


def main() -> None:
    """Time every way and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("showers", type=int, nargs="?", default=20_000)
    parser.add_argument("folder", nargs="?", default=".")
    options = parser.parse_args()
    n, folder = options.showers, options.folder
    sample = io.read(zoo.sample_path("clic_ecal_fixed"), 0, ROWS)
    print(f"{'way':14s} {'us/shower':>10s} {'CPU us':>8s} {'bytes':>8s}")
    for name, write in WAYS.items():
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            path = Path(temporary) / "showers.h5"
            began, cpu = time.perf_counter(), time.process_time()
            write(path, sample, n)
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            count = n // 10 if name in ("lzf", "gzip") else n
            each = path.stat().st_size / count
        print(f"{name:14s} {1e6 * seconds / count:10.1f} {1e6 * cpu / count:8.1f} {each:8.0f}")


if __name__ == "__main__":
    main()
