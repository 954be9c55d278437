"""How weights lie in memory."""

from __future__ import annotations

import torch
from torch import nn


def lay_out(module: nn.Module) -> None:
    """Convolution weights in channels-last memory, which oneDNN's kernels are fastest with."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in module.parameters():
        if parameter.dim() in formats:
            parameter.data = parameter.data.contiguous(memory_format=formats[parameter.dim()])
