"""Datasets in parts: a folder of sample files and a manifest of them, read as one sample."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.atomic import replacing
from caloforge.config import FrozenModel, build
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.hits import Hits
from caloforge.io.layouts import open_sample
from caloforge.io.sample import ShowerFile
from caloforge.provenance import file_digest
from caloforge.typing import AnyArray

MANIFEST, REQUEST = "manifest.json", "dataset.json"
"""The list of parts, written when all are there; and what was asked for."""


class Part(FrozenModel):
    """A file of a dataset: its name, showers, size in bytes and SHA-256."""

    file: str
    showers: int
    bytes: int
    digest: str


class Manifest(FrozenModel):
    """The files of a dataset, in order."""

    parts: tuple[Part, ...]


def is_dataset(path: Path) -> bool:
    """Whether a folder is a dataset in parts, finished or not."""
    return any((path / name).is_file() for name in (MANIFEST, REQUEST))


def sample_digest(path: Path) -> str:
    """Digest of a sample: of its file, or of the manifest of its parts."""
    return file_digest(path / MANIFEST if path.is_dir() else path)


def read_json(path: Path) -> Any:
    """What a JSON file says; InputError if it is damaged."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as problem:
        msg = f"{path} is damaged: {problem}"
        raise InputError(msg) from None


def read_manifest(path: Path) -> Manifest:
    """The manifest of a dataset, whose files are all there.

    Raises
    ------
    InputError
        if the dataset is not finished, or a part of it is missing or has another size.
    """
    place = path / MANIFEST
    if not place.exists():
        msg = f"{path} is not finished: the command that began it goes on with what is missing"
        raise InputError(msg)
    manifest = build(Manifest, read_json(place), where=str(place), error=InputError)
    if not manifest.parts:
        msg = f"{place} lists no parts"
        raise InputError(msg)
    for part in manifest.parts:
        file = path / part.file
        if not file.is_file():
            msg = f"{path} lacks {part.file}, one of its {len(manifest.parts)} parts"
            raise InputError(msg)
        if file.stat().st_size != part.bytes:
            msg = f"{file} is damaged: it has {file.stat().st_size} bytes, {MANIFEST} says"
            raise InputError(f"{msg} {part.bytes}")
    return manifest


def write_manifest(path: Path, files: Sequence[Path]) -> None:
    """Make a folder's files one sample, in their order; OutputError if that cannot be written.

    For files that something else made, as a Spark job; errors as of open_sample.
    """
    parts = []
    for file in files:
        with open_sample(file, None, None, None) as opened:
            showers = len(opened)
        size, digest = file.stat().st_size, file_digest(file)
        parts.append(Part(file=file.name, showers=showers, bytes=size, digest=digest))
    save_manifest(path, Manifest(parts=tuple(parts)))


def save_manifest(path: Path, manifest: Manifest) -> None:
    """Write the manifest of a folder; OutputError if that fails."""
    with replacing(path / MANIFEST) as place:
        place.write_text(manifest.model_dump_json(indent=2) + "\n")


class PartsFile(ShowerFile):
    """A dataset in parts, opened as one sample; ``layout`` is that of each part.

    Raises
    ------
    InputError
        as of :func:`read_manifest`, and where a part cannot be read or differs from the first in
        detector, image, particle or calibration, or in whether it tells phi and impact points.
    """

    LAYOUT = "parts"

    def __init__(
        self, path: Path, detector: Detector | None = None, layout: str | None = None
    ) -> None:
        self.path, self.manifest, self._layout = path, read_manifest(path), layout
        self.given_detector = detector
        self._starts = np.cumsum([0, *(part.showers for part in self.manifest.parts)])
        self._number, self._open = 0, self._opened(0)
        first = self._open
        self.attributes = first.attributes
        self.known_detector, self.cell_shape = first.known_detector, first.cell_shape
        self.particle, self.calibration = first.particle, first.calibration
        self._unit, self._order, self._compression = first.unit, first.order, first.compression
        self._rows, self._shared = first.block_rows, _what_parts_share(first)
        self.why = [f"layout: {MANIFEST} lists {len(self.manifest.parts)} files", *first.why]

    def _opened(self, number: int) -> ShowerFile:
        part = self.manifest.parts[number]
        opened = open_sample(self.path / part.file, self.given_detector, self._layout, None)
        if len(opened) != part.showers:
            msg = f"{opened.path} has {len(opened)} showers, {MANIFEST} says {part.showers}"
            opened.close()
            raise InputError(msg)
        return opened

    def _part(self, number: int) -> ShowerFile:
        """A part of the dataset; one is open at a time."""
        if number == self._number:
            return self._open
        opened = self._opened(number)
        self._open.close()
        self._number, self._open = number, opened
        if _what_parts_share(opened) != self._shared:
            first = self.manifest.parts[0].file
            msg = (
                f"{opened.path} and {first} differ in detector, image, particle or calibration, or "
                "one of them alone tells phi or impact points"
            )
            raise InputError(msg)
        return opened

    def __len__(self) -> int:
        return int(self._starts[-1])

    def close(self) -> None:
        """Close the part that is open."""
        self._open.close()

    @property
    def unit(self) -> str:
        """In which units the parts hold cells and energies."""
        return self._unit

    @property
    def order(self) -> str:
        """In which order the parts hold the axes of the cells."""
        return self._order

    @property
    def compression(self) -> str:
        """How the cells are compressed in the first part."""
        return self._compression

    @property
    def block_rows(self) -> int:
        """Showers that are read at a time."""
        return self._rows

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[ShowerFile, int, int]]:
        """The parts that hold rows ``start`` to ``stop``, and which of their rows those are."""
        while start < stop:
            number = int(np.searchsorted(self._starts, start, side="right")) - 1
            first, end = int(self._starts[number]), min(stop, int(self._starts[number + 1]))
            yield self._part(number), start - first, end - first
            start = end

    def hits(self, start: int = 0, stop: int | None = None) -> Hits:
        """As of ShowerFile."""
        start, stop = slice(start, stop).indices(len(self))[:2]
        pieces = [part.hits(a, b) for part, a, b in self._pieces(start, stop)]
        return Hits.concatenate(pieces) if pieces else self._part(0).hits(0, 0)

    def _read_images(self, start: int, stop: int) -> AnyArray:
        return np.concatenate([p._read_images(a, b) for p, a, b in self._pieces(start, stop)])

    def _energies(self, start: int, stop: int) -> AnyArray:
        return np.concatenate([p._energies(a, b) for p, a, b in self._pieces(start, stop)])

    def _angles(self, start: int, stop: int) -> AnyArray:
        return np.concatenate([p._angles(a, b) for p, a, b in self._pieces(start, stop)])

    def _azimuths(self, start: int, stop: int) -> AnyArray | None:
        return _joined([p._azimuths(a, b) for p, a, b in self._pieces(start, stop)])

    def _impacts(self, start: int, stop: int) -> AnyArray | None:
        return _joined([p._impacts(a, b) for p, a, b in self._pieces(start, stop)])


def _joined(told: list[AnyArray | None]) -> AnyArray | None:
    """What the parts tell of some rows, which is of all or of none."""
    found = [each for each in told if each is not None]
    return np.concatenate(found) if found else None


def _what_parts_share(part: ShowerFile) -> tuple[object, ...]:
    """What is the same in all parts of a dataset, and whether they tell phi and impact points."""
    digest = None if part.known_detector is None else part.known_detector.digest
    told = (part._azimuths(0, 1) is not None, part._impacts(0, 1) is not None)
    return digest, part.cell_shape, part.particle, part.calibration, told
