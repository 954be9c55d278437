"""The residual network as a judge of two samples: fit and predict_proba, as scikit-learn has them.

A short training: a few hundred showers are learned by heart soon after.
"""

from __future__ import annotations

import numpy as np
import torch

from caloforge.networks.classifiers.resnet import ResNetClassifier
from caloforge.networks.classifiers.train import fastest_device, probabilities, take_step
from caloforge.typing import Float64Array, FloatArray, IntArray

EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 10, 64, 1e-3, 1e-2
FEWEST_STEPS = 80
"""After fewer the batch norms' running means lag behind the weights."""


class ResidualJudge:
    """Trained on rows (N, V + 1): roots of cells of an image (X, Y, Z) over Ep, then log10 Ep."""

    def __init__(self, seed: int, shape: tuple[int, int, int]) -> None:
        self.seed, self.shape, self.device = seed, shape, fastest_device()

    def fit(self, inputs: FloatArray, labels: IntArray) -> ResidualJudge:
        """Train on inputs and labels (N,)."""
        self.unit = float(inputs[:, :-1].std()) or 1.0
        rng = np.random.default_rng(self.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            x, y, z = self.shape
            self.network = ResNetClassifier((z, y, x)).to(self.device).train()
            batches = -(-len(inputs) // BATCH)
            optimiser = torch.optim.AdamW(
                self.network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY
            )
            epochs = max(EPOCHS, -(-FEWEST_STEPS // batches))
            falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * batches)
            for _ in range(epochs):
                for rows in np.array_split(rng.permutation(len(inputs)), batches):
                    batch = self._rows(inputs[rows]), labels[rows]
                    take_step(self.network, optimiser, *batch, self.device)
                    falling.step()
        return self

    def predict_proba(self, inputs: FloatArray) -> Float64Array:
        """Probability of each class, (N, 2)."""
        second = probabilities(self.network, self._rows(inputs), self.device)
        return np.column_stack([1 - second, second])

    def _rows(self, inputs: FloatArray) -> FloatArray:
        """Rows as the network takes them: log10 Ep, then the cells by layers."""
        image = inputs[:, :-1].reshape(-1, *self.shape).transpose(0, 3, 2, 1)
        cells = image.reshape(len(inputs), -1) / self.unit
        return np.column_stack([inputs[:, -1], cells]).astype(np.float32)
