"""Whose showers a file holds: its detector, particle and calibration, and how that is known."""

import json
from typing import Any

import numpy as np

from caloforge.calibration import DEPOSITED, Calibration
from caloforge.config import ModelT, build
from caloforge.detector import Detector
from caloforge.errors import CaloforgeError, DetectorError, InputError
from caloforge.io.hdf5 import Column, Hdf5File
from caloforge.particle import UNKNOWN, particle_name
from caloforge.scaling import CALIBRATED_FRACTION, MOST_CALIBRATED_FRACTION
from caloforge.typing import AnyArray

DETECTOR_ATTRIBUTE = "caloforge_detector"
CALIBRATION_ATTRIBUTE = "caloforge_calibration"
PARTICLE_ATTRIBUTE = "particle"

PDG_DATASETS = ("pdg", "pdgid", "pdg_id", "pdgcode", "pdg_code", "incident_pdg")
"""What files call the column of PDG numbers, in small letters."""

UNCERTAIN = "not said by the file"


def detector_to_json(detector: Detector) -> str:
    """The detector as the text of a file's attribute."""
    return detector.model_dump_json(exclude_defaults=True)


def detector_from_json(text: str, *, where: str) -> Detector:
    """The detector from the text of a file's attribute.

    Raises
    ------
    DetectorError
        if the text is damaged.
    """
    return _from_json(Detector, text, f"{where}: detector", DetectorError)


def calibration_to_json(calibration: Calibration) -> str:
    """The calibration as the text of a file's attribute."""
    return calibration.model_dump_json()


def calibration_of(text: str, *, where: str) -> Calibration:
    """The calibration from the text of a file's attribute; InputError if it is damaged."""
    return _from_json(Calibration, text, f"{where}: calibration", InputError)


def _from_json(kind: type[ModelT], text: str, where: str, error: type[CaloforgeError]) -> ModelT:
    try:
        data = json.loads(text)
    except ValueError as problem:
        msg = f"{where} is damaged: {problem}"
        raise error(msg) from None
    return build(kind, data, where=where, error=error)


def only_particle(file: Hdf5File, rows: int, why: list[str]) -> str:
    """The particle that a file's attribute, or its column of PDG numbers, names.

    Raises
    ------
    InputError
        if there are several, or the column has another length than ``rows``.
    """
    found, sources = set[str](), []
    if (said := file.attributes.get(PARTICLE_ATTRIBUTE)) is not None:
        try:
            found = {particle_name(said)} - {UNKNOWN}
            sources.append(f"attribute {PARTICLE_ATTRIBUTE}")
        except InputError:
            why.append(f"attribute {PARTICLE_ATTRIBUTE}: '{said}' is no particle's name")
    for name in file.names:
        if name.lower() in PDG_DATASETS:
            found |= particles_in(file.column(name), rows)
            sources.append(f"dataset {name}")
    return one_particle(file, found, sources, why)


def particles_in(column: Column, rows: int) -> set[str]:
    """Names of the PDG numbers in a column, one a shower; InputError for another length."""
    if len(column) != rows:
        msg = f"{column.path}: {column.name} has {len(column)} values for {rows} showers"
        raise InputError(msg)
    numbers = [np.unique(block) for block in column.blocks()]
    return particles_of(np.concatenate(numbers))


def particles_of(numbers: AnyArray) -> set[str]:
    """Names of the PDG numbers in an array of any shape; InputError for what is none."""
    return {particle_name(number.item()) for number in np.unique(numbers)} - {UNKNOWN}


def one_particle(file: Hdf5File, found: set[str], sources: list[str], why: list[str]) -> str:
    """The one of those found, ``unknown`` where there is none; InputError for several."""
    if len(found) > 1:
        names = ", ".join(sorted(found))
        msg = f"{file.path} mixes showers of several particles: {names} ({', '.join(sources)})"
        raise InputError(msg)
    if not found:
        why.append(f"particle: {UNCERTAIN}")
        return UNKNOWN
    why.append(f"particle: {', '.join(sources)}")
    return found.pop()


def judged_calibration(
    fraction: float | None, detector: Detector | None, why: list[str]
) -> Calibration:
    """What cells mean that sum to this ``fraction`` of Ep (median; None: all empty)."""
    if fraction is None:
        why.append("calibration: all the showers looked at are empty")
        return DEPOSITED
    part = f"the cells sum to {fraction:.3g} Ep"
    if fraction <= CALIBRATED_FRACTION:
        why.append(f"calibration: {part}, as in the sensitive material of a sampling calorimeter")
        return DEPOSITED
    if detector is not None and all_sensitive(detector):
        why.append(f"calibration: {part}, all of {detector.name} is sensitive")
        return DEPOSITED
    if fraction > MOST_CALIBRATED_FRACTION:
        why.append(
            f"calibration: {part}, more than Ep: scaled by a number that the file does not say "
            "(--map 'calibration=scaled:100,...' states it)"
        )
        return Calibration(meaning="unknown")
    why.append(f"calibration: {part}, more than a sampling calorimeter sees: calibrated to Ep")
    return Calibration(meaning="calibrated")


def all_sensitive(detector: Detector) -> bool:
    """Whether more than CALIBRATED_FRACTION of the depth is sensitive, as of a crystal."""
    slabs = [(layer.count, slab) for layer in detector.layers for slab in layer.stack]
    depth = sum(n * slab.thickness_mm for n, slab in slabs)
    seen = sum(n * slab.thickness_mm for n, slab in slabs if slab.sensitive)
    return depth > 0 and seen > CALIBRATED_FRACTION * depth


def identity_attributes(
    detector: Detector | None, particle: str, calibration: Calibration
) -> dict[str, Any]:
    """The attributes that say whose showers a file holds."""
    named = {} if detector is None else {DETECTOR_ATTRIBUTE: detector_to_json(detector)}
    return {
        **named,
        PARTICLE_ATTRIBUTE: particle,
        CALIBRATION_ATTRIBUTE: calibration_to_json(calibration),
    }
