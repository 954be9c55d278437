"""Training and testing a classifier as the CaloChallenge does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from caloforge.typing import AnyArray, Float64Array, FloatArray, IntArray

EPOCHS, BATCH, LEARNING_RATE = 50, 1000, 2e-4
CERTAIN = 1e-6
"""Calibrated probabilities keep this far from 0 and 1."""


@dataclass(frozen=True)
class ClassifierTest:
    """What a classifier finds on showers that neither trained it nor chose its epoch."""

    auc: float
    """Area under the ROC curve of the calibrated probabilities: 0.5 cannot be told."""
    jensen_shannon: float
    """Divergence that the probabilities prove: 0 same, 1 apart."""
    tested: int
    """Showers a side that were tested."""
    epoch: int
    """The epoch that was kept, counted from 1."""


def train_and_test(
    build: Callable[[], nn.Module],
    reference: FloatArray,
    generated: FloatArray,
    *,
    split: tuple[float, float] = (0.6, 0.2),
    seed: int,
    epochs: int = EPOCHS,
    on_epoch: Callable[[int], None] = lambda epoch: None,
) -> ClassifierTest:
    """Train `build()` to tell tables (N, F) of equal length apart, and test it.

    Each table is shuffled; the shares `split` of it train and choose, the rest is tested. Adam,
    2e-4, batches of 1000, 50 epochs; the weights of the epoch that is right most often on the
    second part (training ends where it always is) are tested on the third, their probabilities
    calibrated on the second by isotonic regression. On a GPU where torch has one, in float32 (the
    Challenge: float64).
    """
    device = fastest_device()
    rng = np.random.default_rng(seed)
    train, choose, test = _split(reference, generated, split, rng)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build().to(device)
        best, kept, weights = -1.0, 0, model.state_dict()
        optimiser = torch.optim.Adam(model.parameters(), LEARNING_RATE)
        for epoch in range(1, epochs + 1):
            _train_epoch(model, optimiser, *train, rng, device)
            right = float(np.mean((probabilities(model, choose[0], device) > 0.5) == choose[1]))
            if right > best:
                best, kept, weights = right, epoch, copy.deepcopy(model.state_dict())
            on_epoch(epoch)
            if right == 1:
                break
        model.load_state_dict(weights)
        calibrate = IsotonicRegression(y_min=CERTAIN, y_max=1 - CERTAIN, out_of_bounds="clip")
        calibrate.fit(probabilities(model, choose[0], device), choose[1])
        probability = calibrate.predict(probabilities(model, test[0], device))
    entropy = -np.mean(np.log2(np.where(test[1] == 1, probability, 1 - probability)))
    auc = float(roc_auc_score(test[1], probability))
    return ClassifierTest(auc, float(1 - entropy), len(test[1]) // 2, kept)


def fastest_device() -> torch.device:
    """A GPU where torch has one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _split(
    reference: FloatArray,
    generated: FloatArray,
    split: tuple[float, float],
    rng: np.random.Generator,
) -> list[tuple[FloatArray, IntArray]]:
    """Inputs and labels (1: reference, as in the Challenge) of the three parts."""
    ends = np.cumsum([int(len(reference) * share) for share in split])
    parts = [np.split(rng.permutation(len(reference)), ends) for _ in range(2)]
    return [
        (
            np.concatenate([reference[real], generated[made]]),
            np.repeat([1, 0], [len(real), len(made)]),
        )
        for real, made in zip(*parts, strict=True)
    ]


def _train_epoch(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    inputs: FloatArray,
    labels: IntArray,
    rng: np.random.Generator,
    device: torch.device,
) -> None:
    model.train()
    order = rng.permutation(len(inputs))
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        if len(rows) < 2:  # nothing for a batch norm to measure
            continue
        take_step(model, optimiser, inputs[rows], labels[rows], device)


def take_step(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    inputs: FloatArray,
    labels: IntArray,
    device: torch.device,
) -> None:
    """One step on the cross-entropy of what the model says of inputs (N, F) with labels (N,)."""
    logits = model(_tensor(inputs, device))
    loss = nn.functional.binary_cross_entropy_with_logits(logits, _tensor(labels[:, None], device))
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


@torch.no_grad()
def probabilities(model: nn.Module, inputs: FloatArray, device: torch.device) -> Float64Array:
    """Probability (N,) of the class labelled 1, of rows (N, F)."""
    model.eval()
    logits = [
        model(_tensor(inputs[start : start + BATCH], device))[:, 0].cpu()
        for start in range(0, len(inputs), BATCH)
    ]
    found: Float64Array = torch.sigmoid(torch.cat(logits).double()).numpy()
    return found


def _tensor(values: AnyArray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32)).to(device)
