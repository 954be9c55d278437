"""The random numbers of each shower: a function of seed and shower number alone."""

import numpy as np

from caloforge.card import Latent
from caloforge.typing import FloatArray

BLOCK = 64
"""Showers whose random numbers are drawn together. It is part of what a seed means."""


def draw_latent(latent: Latent, seed: int, start: int, stop: int) -> FloatArray:
    """Latent of the showers ``start`` to ``stop`` under a seed, shape (stop - start, dim).

    "normal" has zero mean and unit width, "uniform" lies in [0, 1). However
    the showers are cut into batches, shower i gets the same numbers.

    >>> whole = draw_latent(Latent(dim=3), seed=1, start=0, stop=200)
    >>> part = draw_latent(Latent(dim=3), seed=1, start=70, stop=130)
    >>> bool((whole[70:130] == part).all())
    True
    """
    first, last = start // BLOCK, -(-stop // BLOCK)
    numbers = np.empty(((last - first) * BLOCK, latent.dim), np.float32)
    for block in range(first, last):
        rows = numbers[(block - first) * BLOCK :][:BLOCK]
        rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, block])))
        if latent.distribution == "normal":
            rng.standard_normal(dtype=np.float32, out=rows)
        else:
            rng.random(dtype=np.float32, out=rows)
    return numbers[start - first * BLOCK : stop - first * BLOCK]
