"""Two samples of showers, reduced and ready to be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import ks_2samp

from caloforge import scaling
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.hits import Hits
from caloforge.physics.features import Features, angle_varies, shower_features
from caloforge.physics.sparse import summarise_hits
from caloforge.physics.summary import Summary, summarise
from caloforge.showers import Showers
from caloforge.typing import FloatArray, IntArray
from caloforge.units import degree
from caloforge.validate.alike import SampleKind

MIN_SHOWERS = 50


@dataclass(frozen=True)
class Sample:
    """A reduced sample: its name in tables, summary, features, and a few whole showers."""

    label: str
    summary: Summary
    features: Features
    examples: FloatArray
    example_energy: FloatArray

    def __len__(self) -> int:
        return len(self.summary)

    def __getitem__(self, rows: IntArray) -> Sample:
        return Sample(
            self.label,
            self.summary[rows],
            self.features.rows(rows),
            self.examples,
            self.example_energy,
        )


@dataclass(frozen=True)
class Comparison:
    """A generated sample beside its reference, both of `detector`."""

    reference: Sample
    generated: Sample
    detector: Detector
    remarks: tuple[str, ...] = ()
    """How the two were made comparable."""

    @property
    def labels(self) -> tuple[str, str]:
        """How the two samples are called."""
        return self.reference.label, self.generated.label

    @property
    def paired(self) -> bool:
        """Whether row i of both samples was made at the same energy and angle."""
        first, second = self.reference.summary, self.generated.summary
        return len(first) == len(second) and bool(
            np.allclose(first.energy, second.energy, rtol=1e-5)
            and np.allclose(first.theta, second.theta, atol=scaling.ANGLE_TOLERANCE_RAD)
        )

    @property
    def tilted(self) -> bool:
        """Whether the reference has more than one angle."""
        return angle_varies(self.reference.summary.theta)

    def without_images(self) -> Comparison:
        """The same without the pooled images, for whoever takes rows many times."""
        bare = [
            replace(sample, summary=replace(sample.summary, pooled=sample.summary.pooled[:, :0]))
            for sample in (self.reference, self.generated)
        ]
        return Comparison(bare[0], bare[1], self.detector, self.remarks)

    def notes(self) -> list[str]:
        """What a reader must know before reading the scores."""
        found = list(self.remarks)
        for name, unit, scale in (("energy", "GeV", 1.0), ("theta", "degrees", degree)):
            values = [getattr(s.summary, name) / scale for s in (self.reference, self.generated)]
            if np.ptp(values[0]) + np.ptp(values[1]) == 0 and values[0][0] == values[1][0]:
                continue
            if ks_2samp(*values, method="asymp").pvalue < scaling.CONDITIONS_P_VALUE:
                spans = [f"{v.min():.4g}-{v.max():.4g} (median {np.median(v):.4g})" for v in values]
                found.append(
                    f"The samples differ in {name}: {self.reference.label} {spans[0]}, "
                    f"{self.generated.label} {spans[1]} {unit}. Scores that are not taken in bins "
                    f"of {name} (classifiers, Wasserstein, FPD, KPD) see this difference too."
                )
        constant = constant_features(self.reference.features)
        if constant:
            few = ", ".join(constant[:4]) + (", ..." if len(constant) > 4 else "")
            found.append(
                f"{len(constant)} of {len(self.reference.features.names)} features have no spread "
                f"in {self.reference.label} ({few}): they are left out of the spread, and their "
                "distances are in units of both samples' spread."
            )
        for sample in (self.reference, self.generated):
            empty = int(np.sum(sample.summary.deposited <= 0))
            if empty:
                found.append(f"{empty} of {len(sample)} showers of {sample.label} are empty.")
        return found


def constant_features(features: Features) -> list[str]:
    """Names of the features that are the same for every shower, apart from rounding."""
    values = features.values
    constant = np.std(values, axis=0) <= scaling.NO_SPREAD * np.abs(values).max(axis=0)
    return [name for name, same in zip(features.names, constant, strict=True) if same]


def reduce_showers(chunks: Iterable[Showers | Hits], label: str) -> tuple[Sample, SampleKind]:
    """Reduce a sample that comes in chunks, and say of what kind its showers are.

    Raises
    ------
    InputError
        if there are too few showers for any comparison.
    """
    parts: list[Summary] = []
    examples = _Examples()
    kind = None
    for chunk in chunks:
        kind = SampleKind.of(chunk)
        parts.append(_summary(chunk))
        examples.add(chunk)
    if kind is None or sum(map(len, parts)) < MIN_SHOWERS:
        msg = f"{label} has {sum(map(len, parts))} showers: a comparison needs {MIN_SHOWERS}"
        raise InputError(msg)
    summary = Summary.concatenate(parts)
    features = shower_features(summary)
    return Sample(label, summary, features, examples.cells, examples.energy), kind


def _summary(chunk: Showers | Hits) -> Summary:
    """The summary of showers, of hits in pads without a detour over the cells."""
    detector = chunk.detector
    if isinstance(chunk, Hits):
        if detector.readout == "pads":
            return summarise_hits(chunk)
        chunk = chunk.dense()
    return summarise(
        chunk.cells,
        chunk.energy,
        chunk.theta,
        layer_centres_mm=detector.layer_centres_mm,
        pad_mm=detector.pad_mm[1],
        rings=detector.geometry(chunk.window) if detector.readout == "cylinder" else None,
        phi=chunk.phi,
        pad_x_mm=detector.pad_mm[0],
    )


class _Examples:
    """The showers whose energies are nearest to scaling.EXAMPLE_ENERGIES_GEV."""

    def __init__(self) -> None:
        self._found: list[tuple[float, FloatArray, float]] = []

    def add(self, showers: Showers | Hits) -> None:
        """Keep those showers that are nearer than those of earlier chunks."""
        nearest = []
        for index, point in enumerate(scaling.EXAMPLE_ENERGIES_GEV):
            distance = np.abs(showers.energy - point)
            row = int(np.argmin(distance))
            candidate = (
                float(distance[row]),
                _cells(showers, row),
                float(showers.energy[row]),
            )
            known = self._found[index : index + 1]
            nearest.append(min([candidate, *known], key=lambda found: found[0]))
        self._found = nearest

    @property
    def cells(self) -> FloatArray:
        """Cells (E, X, Y, Z) in GeV."""
        return np.stack([cells for _, cells, _ in self._found])

    @property
    def energy(self) -> FloatArray:
        """Primary energies (E,) in GeV."""
        return np.array([energy for _, _, energy in self._found], dtype=np.float32)


def _cells(showers: Showers | Hits, row: int) -> FloatArray:
    """The cells (X, Y, Z) of one shower."""
    one = showers[row : row + 1]
    cells: FloatArray = (one.dense() if isinstance(one, Hits) else one).cells[0].copy()
    return cells


def compare(
    reference: Iterable[Showers | Hits],
    generated: Iterable[Showers | Hits],
    labels: tuple[str, str] = ("Geant4", "generated"),
) -> Comparison:
    """Reduce both samples (iterables of chunks) and put them side by side.

    Raises
    ------
    InputError
        if either has too few showers, the reference only empty ones, or if they began with
        different particles or their cells cannot be given one meaning.
    DetectorError
        if they belong to different detectors or windows.
    """
    first, kind = reduce_showers(reference, labels[0])
    if not first.summary.deposited.any():
        msg = f"all {len(first)} showers of {labels[0]} are empty: there is nothing to compare with"
        raise InputError(msg)
    remarks: list[str] = []

    def alike(chunks: Iterable[Showers | Hits]) -> Iterator[Showers | Hits]:
        for chunk in chunks:
            kind.check(SampleKind.of(chunk), labels)
            remarks[:] = kind.notes(SampleKind.of(chunk), labels)
            if isinstance(chunk, Hits) and chunk.calibration.compares_with(kind.calibration):
                yield chunk
            else:
                yield from kind.convert([chunk.dense() if isinstance(chunk, Hits) else chunk])

    second, _ = reduce_showers(alike(generated), labels[1])
    return Comparison(first, _with_columns_of(first, second), kind.detector, tuple(remarks))


def _with_columns_of(reference: Sample, sample: Sample) -> Sample:
    """The sample with the angle as a feature where, and only where, the reference has it."""
    if reference.features.names == sample.features.names:
        return sample
    wanted = "angle" in reference.features.names
    features = shower_features(sample.summary, angle=wanted)
    return Sample(sample.label, sample.summary, features, sample.examples, sample.example_energy)
