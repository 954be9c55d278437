"""The card itself: its fields, how it is read, and which showers are those of its model."""

import math
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, computed_field, model_validator

from caloforge.calibration import Calibration
from caloforge.card import older
from caloforge.card.fields import Latent, Parent, TrainingRecord
from caloforge.card.response import Response
from caloforge.card.score import Score
from caloforge.card.validity import Validity
from caloforge.config import FrozenModel
from caloforge.detector import Detector
from caloforge.errors import DetectorError, InputError, ModelError
from caloforge.particle import UNKNOWN, may_be_same
from caloforge.placement import Placement, placement_of

METADATA_KEY = "caloforge.card"
SCHEMA_VERSION: Literal[5] = 5
"""Of the cards that are written; docs/model-file.md says what came with which."""
REPEATED = ("particles", "placement")
"""Fields that say what others say, for hosts that read the file without caloforge."""
POINT = 1e-3
"""A range of angles narrower than this, in rad, is one angle."""


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
    def validity(self) -> Validity:
        """The conditions for which it makes showers."""
        return Validity(
            self.name,
            self.energy_range_gev,
            self.theta_range_rad,
            takes_phi=self.takes_phi,
            takes_impact=self.impact_latent is not None,
            detector=self.detector,
            cell_shape=self.cell_shape,
        )

    @property
    def impact_latent(self) -> int | None:
        """As of ``latent.impact``, which cards did not say before version 4."""
        on_pads = self.network == "factorised" and self.detector.readout == "pads"
        if self.latent.impact is not None or not on_pads:
            return self.latent.impact
        return older.impact_latent(self.training.recipe.get("network", {}), self.cell_shape[2])

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
    def _as_written_now(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return older.with_graph_use(
            {key: said for key, said in given.items() if key not in REPEATED}
        )

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
