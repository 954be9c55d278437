"""What cards of older versions did not say."""

from typing import Any

from caloforge.card.fields import TABLES


def with_graph_use(given: dict[str, Any]) -> dict[str, Any]:
    """A card's fields with how its graph runs best, where they do not say it: those of uniform
    numbers look up tables, and the others keep the defaults."""
    if "batch" in given or "float32_only" in given:
        return given
    latent = given.get("latent")
    uniform = (
        latent.get("distribution") == "uniform"
        if isinstance(latent, dict)
        else getattr(latent, "distribution", None) == "uniform"
    )
    return {**TABLES, **given} if uniform else given


def impact_latent(options: dict[str, Any], layers: int) -> int | None:
    """Where the latent numbers of a factorised model on pads say the impact, of its options.

    Behind those of the layers' energies, of which there are others with options that are newer than
    cards that do not say it.
    """
    if options.get("draws_sum") or options.get("layers_before"):
        return None
    if not options.get("conversion"):
        return layers + layers % 2
    places = options.get("layer_places")
    size = places[-1] + 1 if places else layers
    return int(size + size % 2 + 1)
