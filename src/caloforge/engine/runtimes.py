"""The table of runtimes: one line for each way in which a model file can be run."""

from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

from caloforge.card import ModelCard
from caloforge.engine.base import Engine
from caloforge.engine.plan import Plan
from caloforge.errors import InputError


@dataclass(frozen=True)
class Runtime:
    """An inference engine.

    Attributes
    ----------
    title : its name in tables.
    module : module of this package with ``load(path, plan, card) -> Engine``, which raises a
        ModelError for a model that the engine cannot run.
    package : what has to be installed for it, as Python imports it.
    bfloat16 : whether it computes in bfloat16 where the processor does.
    any_phi_since : version of the sampler from which on showers may lean elsewhere than along the
        pads; none where the model's graph says it.
    sampler : distribution that draws the showers by itself, of which another version makes others
        of a seed; none where the model's graph draws them.
    tables_only : whether it runs only models that turn random numbers into places in tables.
    """

    title: str
    module: str
    package: str
    bfloat16: bool = False
    tables_only: bool = False
    any_phi_since: tuple[int, ...] | None = None
    sampler: str | None = None

    @property
    def sampler_version(self) -> str | None:
        """Name and version of what draws the showers, as ``caloforge-native 0.5.0``."""
        return self.sampler and f"{self.sampler} {metadata.version(self.sampler)}"

    @property
    def any_phi(self) -> bool:
        """Whether showers may lean elsewhere than along the pads, of models that know it."""
        if self.any_phi_since is None or self.sampler is None:
            return True
        numbers = metadata.version(self.sampler).split(".")[:2]
        return tuple(map(int, numbers)) >= self.any_phi_since

    @property
    def installed(self) -> bool:
        """Whether its package is there."""
        return find_spec(self.package) is not None

    def runs(self, card: ModelCard) -> bool:
        """Whether it runs models of such a card; its ``load`` has the last word."""
        return card.float32_only or not self.tables_only

    def load(self, path: Path, plan: Plan, card: ModelCard) -> Engine:
        """A model file in this engine; errors as of its module."""
        engine: Engine = import_module(f"caloforge.engine.{self.module}").load(path, plan, card)
        return engine


RUNTIMES = {
    "native": Runtime(
        "native sampler",
        "native",
        package="caloforge_native",
        tables_only=True,
        any_phi_since=(0, 5),
        sampler="caloforge-native",
    ),
    "openvino": Runtime("OpenVINO", "openvino", package="openvino", bfloat16=True),
    "onnx": Runtime("ONNX Runtime", "onnx", package="onnxruntime"),
}
"""Fastest first: ``auto`` takes the first that is installed and runs the model."""

REFERENCE = "onnx"
"""Always there, and what the others are checked against."""


def runtimes_for(card: ModelCard) -> list[str]:
    """Names of the installed runtimes that run models of such a card, fastest first."""
    return [name for name, each in RUNTIMES.items() if each.installed and each.runs(card)]


def runtime_named(name: str) -> Runtime:
    """The runtime of a name.

    Raises
    ------
    InputError
        if there is none.
    """
    if name not in RUNTIMES:
        msg = f"runtime '{name}' is unknown: allowed are {', '.join(RUNTIMES)}"
        raise InputError(msg)
    return RUNTIMES[name]
