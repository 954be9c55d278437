"""The model card: what a model file says of itself, inside the ONNX file."""

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, ValidationError, computed_field, model_validator

from caloforge.beam import Conditions, Ranges, extremes
from caloforge.calibration import Calibration
from caloforge.config import FrozenModel
from caloforge.detector import Detector
from caloforge.errors import DetectorError, InputError, ModelError, RangeError
from caloforge.impact import asked_impact, check_impact
from caloforge.particle import UNKNOWN, may_be_same
from caloforge.placement import Placement, placement_of
from caloforge.turn import as_made, aslant, turns
from caloforge.typing import Float64Array, FloatArray
from caloforge.units import degree

METADATA_KEY = "caloforge.card"
SCHEMA_VERSION: Literal[5] = 5
"""Of the cards that are written; docs/model-file.md says what came with which."""
REPEATED = ("particles", "placement")
"""Fields that say what others say, for hosts that read the file without caloforge."""
POINT = 1e-3
"""A range of angles narrower than this, in rad, is one angle."""
RANGE_TOLERANCE = 1e-4
"""Relative slack at the ends of a range, for values that went through float32."""


class Latent(FrozenModel):
    """The random numbers that a shower is made from: how many, and how distributed.

    ``impact``: number of the first of the two that say where the shower's axis crosses its pad
    along x and y, 0 and 1 being the pad's borders; None where none do.
    """

    dim: Annotated[int, Field(ge=1)]
    distribution: Literal["normal", "uniform"] = "normal"
    impact: Annotated[int, Field(ge=0)] | None = None


class Score(FrozenModel):
    """A physics score with its error, beside the same score of Geant4 against Geant4."""

    value: float
    error: float | None = None
    floor: float | None = None


class TrainingFile(FrozenModel):
    """A file that the model was trained on."""

    file: str
    digest: str
    showers: int


class TrainingRecord(FrozenModel):
    """How the weights came to be."""

    data: tuple[TrainingFile, ...] = ()
    recipe: dict[str, Any] = {}
    epochs: int | None = None
    minutes: float | None = None


class Parent(FrozenModel):
    """The model file that this one was made from, by quantization for example."""

    name: str
    digest: str
    how: dict[str, Any] = {}


class Response(FrozenModel):
    """Mean sum of the cells over Ep, as measured: a model's sampling fraction.

    It is P(ln Ep) + (1 / sin theta - 1) Q(ln Ep), Ep in GeV: inclined showers have a longer way in
    the calorimeter, of which less lies behind it.

    Attributes
    ----------
    coefficients : of P, highest power first.
    path_coefficients : of Q; none for a model of one angle.
    showers : how many it was measured with.
    error : standard error of the mean, relative.
    """

    coefficients: Annotated[tuple[float, ...], Field(min_length=1)]
    path_coefficients: tuple[float, ...] = ()
    showers: Annotated[int, Field(ge=1)]
    error: float

    def __call__(self, energy: FloatArray, theta: ArrayLike = np.pi / 2) -> Float64Array:
        """The response at energies in GeV and angles in rad.

        >>> found = Response(coefficients=(0.02,), path_coefficients=(0.01,), showers=1, error=0.0)
        >>> found(np.float32([50.0]), np.pi / 6).round(6).tolist()
        [0.03]
        """
        logarithm = np.log(np.asarray(energy, np.float64))
        longer = 1 / np.sin(np.asarray(theta, np.float64)) - 1
        slope = np.polyval(self.path_coefficients or (0.0,), logarithm)
        return np.asarray(np.polyval(self.coefficients, logarithm) + longer * slope, np.float64)


TABLES = {"float32_only": True, "batch": 64, "batch_cells": 2**22}
"""How a graph runs best that turns random numbers into places in tables: with its 8 bits, bfloat16
would merge the places of rare and large deposits; many small operations want larger batches."""


class ModelCard(FrozenModel):
    """Everything that is needed to use and to judge a model file.

    Energies in GeV, angles in rad; the graph takes ``latent`` (N, latent.dim), ``energy`` (N,)
    and ``theta`` (N,), and returns ``cells`` (N, X, Y, Z) in GeV.  ``takes_phi``: it also takes
    ``phi`` (N,), which way inclined showers lean.  ``float32_only``: bfloat16 would spoil it;
    ``batch``: showers at a time that suit it, while they have at most ``batch_cells`` cells.
    """

    schema_version: Literal[1, 2, 3, 4, 5] = SCHEMA_VERSION
    name: str
    network: str
    detector: Detector
    detector_digest: str
    window: str
    particle: str = "e-"  # of the models made before cards said so
    calibration: Calibration = Calibration()
    response: Response | None = None
    energy_range_gev: tuple[float, float]
    theta_range_rad: tuple[float, float]
    latent: Latent
    takes_phi: bool = False
    format: str = "float32"
    float32_only: bool = False
    batch: Annotated[int, Field(ge=1)] = 32
    batch_cells: Annotated[int, Field(ge=1)] = 2**19
    parameters: int | None = None
    training: TrainingRecord = TrainingRecord()
    scores: dict[str, Score] = {}
    versions: dict[str, str] = {}
    parent: Parent | None = None

    @property
    def cell_shape(self) -> tuple[int, int, int]:
        """Cells (X, Y, Z) of one shower."""
        return self.detector.cell_shape(self.window)

    @property
    def one_angle(self) -> bool:
        """Whether the model makes showers of a single angle."""
        low, high = self.theta_range_rad
        return high - low < POINT

    @computed_field  # type: ignore[prop-decorator]
    @property
    def particles(self) -> tuple[str, ...]:
        """Geant4's names of the particles that a host may hand over; none where unknown."""
        return () if self.particle == UNKNOWN else (self.particle,)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def placement(self) -> Placement:
        """Where a host puts the cells; the detector says it, the card repeats it."""
        return placement_of(self.detector, self.window)

    @property
    def impact_latent(self) -> int | None:
        """As of ``latent.impact``, which cards did not say before version 4."""
        if self.latent.impact is not None or self.detector.readout != "pads":
            return self.latent.impact
        return _impact_of_older(self) if self.network == "factorised" else None

    @property
    def inclined(self) -> bool:
        """Whether the model makes showers that are not perpendicular."""
        return max(abs(math.cos(theta)) for theta in self.theta_range_rad) > POINT

    @property
    def lacks_phi(self) -> bool:
        """Whether its graph takes no phi, but another graph of the same network would."""
        x, y, _ = self.cell_shape
        square = self.detector.readout == "pads" and x == y
        return self.network == "factorised" and square and self.inclined and not self.takes_phi

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_repeated(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {key: value for key, value in given.items() if key not in REPEATED}

    @model_validator(mode="before")
    @classmethod
    def _of_older_models(cls, given: Any) -> Any:
        """Cards that do not say how their graph runs best: those of uniform numbers look up
        tables, and the others keep the defaults."""
        if not isinstance(given, dict) or "batch" in given or "float32_only" in given:
            return given
        latent = given.get("latent")
        uniform = (
            latent.get("distribution") == "uniform"
            if isinstance(latent, dict)
            else getattr(latent, "distribution", None) == "uniform"
        )
        return {**TABLES, **given} if uniform else given

    @classmethod
    def from_json(cls, text: str, *, where: str) -> "ModelCard":
        """Read a card from a model file's metadata.

        Raises
        ------
        ModelError
            if the card is damaged, or its detector is not the one its digest names.
        """
        try:
            card = cls.model_validate_json(text)
        except ValidationError as problem:
            first = problem.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            msg = f"{where}: its model card is damaged: {key or 'JSON'}: {first['msg']}"
            raise ModelError(msg) from None
        if card.detector.digest != card.detector_digest:
            msg = f"{where}: its detector does not match the digest in its model card"
            raise ModelError(msg)
        return card

    def fits(self, detector: Detector, window: str) -> bool:
        """Whether the model makes showers of this window of this detector."""
        return (self.detector_digest, self.window) == (detector.digest, window)

    def check_detector(self, detector: Detector, window: str, *, where: object) -> None:
        """Refuse showers that are not such as the model makes; ``where`` names their origin.

        Raises
        ------
        DetectorError
            naming both detectors and windows.
        """
        if not self.fits(detector, window):
            msg = (
                f"{where} belongs to {detector.name} (window {window}), "
                f"the model {self.name} to {self.detector.name} (window {self.window})"
            )
            raise DetectorError(msg)

    def check_particle(self, particle: str, *, where: object) -> None:
        """Refuse showers of another particle; ``where`` names their origin.

        Raises
        ------
        InputError
            naming both particles.
        """
        if not may_be_same(particle, self.particle):
            msg = (
                f"{where} holds showers of {particle}, the model {self.name} makes {self.particle}"
            )
            raise InputError(msg)

    def check_calibration(self, calibration: Calibration, *, where: object) -> None:
        """Refuse showers whose cells mean something else; ``where`` names their origin.

        Raises
        ------
        InputError
            naming both meanings.
        """
        if not calibration.compares_with(self.calibration):
            msg = (
                f"the cells of {where} are: {calibration}; those of the model {self.name}: "
                f"{self.calibration}. `caloforge convert --calibrate` applies a factor"
            )
            raise InputError(msg)

    def asked_ranges(
        self,
        energy: str | None,
        theta: str | None,
        phi: str | None = None,
        impact: str | None = None,
    ) -> Ranges:
        """What is asked for; of energies and angles else the model's whole range.

        All as of :func:`caloforge.beam.draw`, ``impact`` also ``uniform``; errors as there and as
        of check_range.
        """
        low, high = self.energy_range_gev
        angles = [angle / degree for angle in self.theta_range_rad]
        asked = Ranges(
            f"{low:g}:{high:g}" if energy is None else energy,
            f"{angles[0]:.6g}:{angles[1]:.6g}" if theta is None else theta,
            phi,
            asked_impact(impact, self.detector),
        )
        ends = extremes(*asked)
        self.check_range(ends)
        if phi is not None and ":" in phi and not self.takes_phi and turns(ends, self.detector):
            msg = f"{self.name}: phi '{phi}' is outside the model's: its showers lean along the"
            raise RangeError(f"{msg} pads, so allowed are 0, 90, 180 and 270 degrees")
        return asked

    def check_range(self, conditions: Conditions) -> None:
        """Refuse conditions that the model was not trained for.

        Raises
        ------
        RangeError
            naming the value and the range.
        InputError
            for impact points outside the pad, or of a model that draws its own.
        """
        energy_range = self.energy_range_gev
        _check_inside(conditions.energy, energy_range, 1.0, f"{self.name}: energy", "GeV")
        self._check_phi(conditions)
        theta, angles = as_made(conditions, self.detector).theta, self.theta_range_rad
        _check_inside(theta, angles, degree, f"{self.name}: theta", "degrees")
        if conditions.impact is not None and self.impact_latent is None:
            msg = (
                f"{self.name} cannot place the impact: none of its random numbers says where in "
                "the pad the particle enters, as factorised models' do"
            )
            raise InputError(msg)
        check_impact(conditions, self.detector)

    def _check_phi(self, conditions: Conditions) -> None:
        """Refuse directions that the model does not know, and no symmetry of the pads makes one
        that it does; RangeError."""
        if conditions.phi is None or not turns(conditions, self.detector):
            return
        off = aslant(conditions)
        if off.any() and not self.takes_phi:
            wrong = conditions.phi[off][0] / degree
            msg = f"{self.name}: phi {wrong:g} degrees is outside the model's: its showers lean"
            raise RangeError(f"{msg} along the pads, so allowed are 0, 90, 180 and 270 degrees")
        x, y, _ = self.cell_shape
        pad_x, pad_y = self.detector.pad_mm
        along_y = np.rint(conditions.phi / (np.pi / 2)) % 2 == 1
        if (x, pad_x) != (y, pad_y) and np.any(off | ~along_y):
            msg = (
                f"{self.name}: all phi but 90 and 270 degrees need square pads in a square image, "
            )
            raise RangeError(f"{msg}its are {x} x {y} pads of {pad_x:g} x {pad_y:g} mm")


def _impact_of_older(card: ModelCard) -> int | None:
    """Of a factorised model on pads: behind the numbers of the layers' energies, of which there are
    others with options that are newer than cards that do not say it."""
    options, layers = card.training.recipe.get("network", {}), card.cell_shape[2]
    if options.get("draws_sum") or options.get("layers_before"):
        return None
    if not options.get("conversion"):
        return layers + layers % 2
    places = options.get("layer_places")
    size = places[-1] + 1 if places else layers
    return int(size + size % 2 + 1)


def read_scores(metrics: Path) -> dict[str, Score]:
    """The scores that a validation wrote to its ``metrics.json``, without the undefined ones.

    Raises
    ------
    InputError
        if the file is not that.
    """
    try:
        found = json.loads(metrics.read_text())["scores"]
        return {
            name: Score(value=score["value"], error=score["error"], floor=score["floor"])
            for name, score in found.items()
            if score["value"] is not None
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        msg = f"{metrics} is not the metrics.json of a validation: {problem}"
        raise InputError(msg) from None


def _check_inside(
    values: FloatArray, allowed: tuple[float, float], unit: float, what: str, unit_name: str
) -> None:
    low, high = allowed
    outside = (values < low * (1 - RANGE_TOLERANCE)) | (values > high * (1 + RANGE_TOLERANCE))
    if outside.any():
        wrong = values[outside][0] / unit
        msg = (
            f"{what} {wrong:g} {unit_name} is outside the model's range "
            f"{low / unit:g}-{high / unit:g} {unit_name}"
        )
        raise RangeError(msg)


def with_error(value: float, error: float | None) -> str:
    """A value and its error, to the first digit of the error (the second where that is 1).

    >>> with_error(0.02203, 0.00541), with_error(1.0101, 0.0132)
    ('0.022 ± 0.005', '1.010 ± 0.013')
    """
    if not math.isfinite(value):
        return "not defined"
    if error is None or not (math.isfinite(error) and error > 0):
        return f"{value:.3g}"
    first = math.floor(math.log10(error))
    digits = -first + (1 if error < 2 * 10.0**first else 0)
    places = min(max(digits, 0), 4)
    return f"{value:.{places}f} ± {error:.{places}f}"
