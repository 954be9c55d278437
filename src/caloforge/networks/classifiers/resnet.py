"""The ResNet of the CaloChallenge: 18 layers of 3D convolutions on the voxels as an image.

Residual blocks of two 3 x 3 x 3 convolutions (He et al., arXiv 1512.03385; in 3D: Hara et al.,
arXiv 1711.09577), two blocks at each of 32, 64, 64 and 128 channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

CHANNELS = (32, 64, 64, 128)
BLOCKS = 2
FEWEST_LAYERS = 8
"""Images of fewer layers are padded with empty ones: of up to seven, PyTorch 2.13 (oneDNN) computes
the first convolution's gradient wrongly on a CPU."""


class ResidualBlock(nn.Module):
    """relu(x + f(x)), f two convolutions with batch norms; x is convolved where it must shrink."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv3d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm3d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv3d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm3d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if (inputs, stride) != (outputs, 1):
            convolution = nn.Conv3d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm3d(outputs))

    def forward(self, image: Tensor) -> Tensor:
        """Images (N, C, Z, Y, X) to (N, C', Z', Y', X')."""
        return torch.relu(self.path(image) + self.shortcut(image))


class ResNetClassifier(nn.Module):
    """Logits (N, 1) of rows (N, 1 + V): log10 Ep, then the voxels of an image of `shape`.

    `shape` is (layers, sectors, rings). A batch-normalised log10 Ep joins the pooled features.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.shape = shape
        first = CHANNELS[0]
        layers: list[nn.Module] = [
            nn.Conv3d(1, first, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm3d(first),
            nn.ReLU(inplace=True),
            nn.MaxPool3d(3, stride=2, padding=1),
        ]
        inputs = first
        for level, channels in enumerate(CHANNELS):
            for block in range(BLOCKS):
                stride = 2 if level > 0 and block == 0 else 1
                layers.append(ResidualBlock(inputs, channels, stride))
                inputs = channels
        self.image = nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten())
        self.energy = nn.BatchNorm1d(1)
        self.head = nn.Linear(inputs + 1, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, rows: Tensor) -> Tensor:
        """Logits (N, 1)."""
        cells = rows[:, 1:].reshape(-1, 1, *self.shape)
        missing = max(0, FEWEST_LAYERS - self.shape[0])
        image = self.image(nn.functional.pad(cells, (0, 0, 0, 0, 0, missing)))
        logits: Tensor = self.head(torch.cat([image, self.energy(rows[:, :1])], dim=1))
        return logits
