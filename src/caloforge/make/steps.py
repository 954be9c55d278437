"""The command lines that make a model, in their order; each leaves a file by which it is known."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from caloforge.make.request import MakeRequest

RUN_RESULT = "best.safetensors"


@dataclass(frozen=True)
class MakeStep:
    """A command line of caloforge: its words, what it reads, and what it leaves."""

    name: str
    words: tuple[str, ...]
    inputs: tuple[Path, ...]
    output: Path

    @property
    def line(self) -> str:
        """The command as a shell takes it."""
        return shlex.join(["caloforge", *self.words])


@dataclass(frozen=True)
class Places:
    """Where things lie in the folder; those of later rounds have the round's number."""

    folder: Path
    round: int = 1

    def of(self, name: str) -> Path:
        """A file or folder of this round."""
        stem, dot, ending = name.partition(".")
        number = "" if self.round == 1 else f"-{self.round}"
        return self.folder / f"{stem}{number}{dot}{ending}"

    @property
    def held_out(self) -> Path:
        """Showers that no round trains on."""
        return self.folder / "held_out.h5"

    @property
    def training(self) -> list[Path]:
        """The training showers of this round and all before."""
        rounds = range(1, self.round + 1)
        return [Places(self.folder, each).of("training.h5") for each in rounds]

    @property
    def recipe(self) -> Path:
        """The recipe that was chosen."""
        return self.of("recipe.toml")

    @property
    def run(self) -> Path:
        """The training's folder."""
        return self.of("run")

    @property
    def model(self) -> Path:
        """The model file."""
        return self.of("model.onnx")

    @property
    def report(self) -> Path:
        """The folder of the validation."""
        return self.of("report")

    @property
    def metrics(self) -> Path:
        """The scores."""
        return self.report / "metrics.json"


def showers_steps(
    request: MakeRequest, window: str, places: Places, jobs: int, more: int
) -> list[MakeStep]:
    """What brings the showers of a round: simulations, or the two parts of a given sample.

    ``more``: showers that a later round adds.
    """
    first = places.round == 1
    if request.data is not None:
        return _split(request, request.data, places)
    wanted = [(places.of("training.h5"), request.training if first else more)]
    if first:
        wanted.insert(0, (places.held_out, request.held_out))
    return [
        MakeStep(
            f"simulate {path.stem}",
            (
                "simulate", request.given, "--window", window, "--particle", request.particle,
                "--energy", request.energy, "--theta", request.theta, "-n", str(n),
                "--seed", str(_seed_of(request, path, places)), "--jobs", str(jobs),
                "-o", str(path),
            ),
            _files(request.given),
            path,
        )
        for path, n in wanted
    ]  # fmt: skip


def model_steps(request: MakeRequest, places: Places) -> list[MakeStep]:
    """What makes a model of the recipe and the training showers, and judges it."""
    training, run, model = places.training, places.run, places.model
    draft, made = places.of("draft.onnx"), places.of("generated.h5")
    result, held_out = run / RUN_RESULT, places.held_out
    return [
        MakeStep(
            "train",
            ("train", str(places.recipe), *_each("--data", training), "-o", str(run)),
            (places.recipe, *training),
            result,
        ),
        MakeStep("export", ("export", str(run), "-o", str(draft)), (result,), draft),
        MakeStep(
            "generate",
            (
                "generate", str(draft), "--like", str(held_out),
                "--seed", str(request.seed), "-o", str(made),
            ),
            (draft, held_out),
            made,
        ),
        MakeStep(
            "validate",
            (
                "validate", str(held_out), str(made), "--training", str(training[0]),
                "--seed", str(request.seed), "-o", str(places.report),
            ),
            (held_out, made, training[0]),
            places.metrics,
        ),
        MakeStep(
            "export with its scores",
            ("export", str(draft), "--scores", str(places.metrics), "-o", str(model)),
            (draft, places.metrics),
            model,
        ),
        MakeStep("tune", ("bench", "tune", str(model)), (model,), model),
    ]  # fmt: skip


def _split(request: MakeRequest, data: Path, places: Places) -> list[MakeStep]:
    share = request.held_out / request.showers
    return [
        MakeStep(
            f"take {path.stem}",
            (
                "convert", str(data), option, f"{share:.6g}", "--seed", str(request.seed),
                "--compression", "none", "--detector", request.given,
                "--particle", request.particle, "-o", str(path),
            ),
            (data,),
            path,
        )
        for path, option in ((places.held_out, "--only"), (places.training[0], "--without"))
    ]  # fmt: skip


def _seed_of(request: MakeRequest, path: Path, places: Places) -> int:
    """Seeds of the simulations: the held-out showers have one that no round has."""
    return request.seed * 1000 + (0 if path == places.held_out else places.round)


def _each(option: str, paths: Sequence[Path]) -> list[str]:
    return [word for path in paths for word in (option, str(path))]


def _files(*names: str) -> tuple[Path, ...]:
    return tuple(Path(name) for name in names if Path(name).is_file())
