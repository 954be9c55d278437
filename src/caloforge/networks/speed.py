"""What a generator costs in torch."""

from __future__ import annotations

import copy
import math
import time

import torch

from caloforge.networks.base import GeneratorNetwork

BATCH, REPEATS = 64, 5


@torch.no_grad()
def ms_per_shower(generator: GeneratorNetwork) -> float:
    """Milliseconds of one core that the generator takes for a shower in torch: the least of some
    repeats, in processor time, which other workers on the machine change little."""
    generator, threads = copy.deepcopy(generator).cpu().eval(), torch.get_num_threads()
    torch.set_num_threads(1)
    energy, theta = torch.full((BATCH,), 100.0), torch.full((BATCH,), math.pi / 2)
    latent = generator.draw_latent(BATCH)
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        generator(latent, energy, theta)
        seconds.append(time.process_time() - start)
    torch.set_num_threads(threads)
    return 1000 * min(seconds) / BATCH
