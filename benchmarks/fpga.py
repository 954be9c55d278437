"""layered2d's layers through hls4ml: C simulation against torch, and what a chip would multiply.

    pip install "caloforge[fpga]"
    python benchmarks/fpga.py [--size 8] [--layers 6] [--showers 8] [-o FOLDER]

The dense layer and the convolutions go through; the conditions' features (a logarithm) and the
square at the end stay on the host.  See docs/fpga.md for what hls4ml does not take, and why.
"""

import argparse
import math
import tempfile
from pathlib import Path

import hls4ml
import numpy as np
import torch
from torch import nn

from caloforge.networks.base import Domain
from caloforge.networks.gan.layered2d import Layered2dGenerator, Layered2dOptions

PRECISION = "ap_fixed<24,8>"


class OnChip(nn.Module):
    """The same layers as modules that hls4ml knows: upsampling is one, and by whole factors."""

    def __init__(self, generator: Layered2dGenerator) -> None:
        super().__init__()
        self.coarse, self.dense = generator.coarse, generator.dense
        found: list[nn.Module] = []
        for block in generator.blocks:
            if block.size is not None:
                found.append(nn.UpsamplingNearest2d(scale_factor=2))
            found += [block.convolution, block.norm, nn.ReLU()]
        self.steps = nn.ModuleList([*found, generator.layers, nn.ReLU()])

    def forward(self, vector):
        """Amplitudes (N, layers, X, Y) of latent numbers and features (N, inputs)."""
        maps = self.dense(vector).view(-1, *self.coarse)
        for step in self.steps:
            maps = step(maps)
        return maps


def channels_last(chip: OnChip) -> None:
    """Reorder the dense layer's outputs: hls4ml reads them with the channels last."""
    order = torch.arange(math.prod(chip.coarse)).reshape(chip.coarse).permute(1, 2, 0).flatten()
    with torch.no_grad():
        chip.dense.weight.copy_(chip.dense.weight[order])
        chip.dense.bias.copy_(chip.dense.bias[order])


def multiplications(chip: OnChip, inputs: int) -> list[tuple[str, int]]:
    """Multiplications a shower, layer by layer: a multiplier of the chip does one a cycle."""
    found: list[tuple[str, int]] = []

    def count(module: nn.Module, _: object, output: torch.Tensor) -> None:
        weights = module.weight.numel()
        places = output.shape[-1] * output.shape[-2] if output.dim() == 4 else 1
        found.append((type(module).__name__, weights * places))

    hooks = [
        module.register_forward_hook(count)
        for module in chip.modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    ]
    chip(torch.zeros(1, inputs))
    for hook in hooks:
        hook.remove()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=8)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--showers", type=int, default=8)
    parser.add_argument("-o", "--output", type=Path, default=None)
    asked = parser.parse_args()
    if asked.size % 4:
        parser.error(
            f"--size {asked.size} is no multiple of 4: hls4ml upsamples by whole factors only, "
            f"and the network doubles twice"
        )
    angle = math.pi / 2
    domain = Domain(
        shape=(asked.size, asked.size, asked.layers),
        energy_range_gev=(10, 500),
        theta_range_rad=(angle, angle),
    )
    torch.manual_seed(1)
    options = Layered2dOptions(latent=16, channels=16)
    generator = Layered2dGenerator(options, domain).eval()
    chip = OnChip(generator).eval()
    inputs = chip.dense.in_features
    vectors = torch.randn(asked.showers, inputs)
    with torch.no_grad():
        wanted = chip(vectors).numpy()
    for name, number in multiplications(chip, inputs):
        print(f"{name:8} {number:>12,} multiplications a shower")
    channels_last(chip)
    folder = asked.output or Path(tempfile.mkdtemp())
    config = hls4ml.utils.config_from_pytorch_model(
        chip, (inputs,), granularity="name", backend="Vitis", default_precision=PRECISION,
        channels_last_conversion="full",
    )  # fmt: skip
    model = hls4ml.converters.convert_from_pytorch_model(
        chip, hls_config=config, output_dir=str(folder), backend="Vitis", io_type="io_parallel"
    )
    model.compile()
    made = model.predict(vectors.numpy()).reshape(
        asked.showers, asked.size, asked.size, asked.layers
    )
    difference = np.abs(made.transpose(0, 3, 1, 2) - wanted).max()
    print(
        f"C simulation in {PRECISION} against torch: largest difference {difference:.2g} of "
        f"{np.abs(wanted).max():.2g}; the project is in {folder}"
    )
    if difference > 1e-2 * np.abs(wanted).max():
        raise SystemExit("hls4ml's C simulation does not reproduce the network")


if __name__ == "__main__":
    main()
