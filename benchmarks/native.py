"""The native sampler beside the engines that run the graph: processor time a shower.

    python benchmarks/native.py [MODEL ...] [--rounds N]

In each round every engine makes showers of energies uniform over the model's range, in turn, on
one core; other work on the machine disturbs all of them alike. ``hits`` and ``dense`` are what the
native sampler makes.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

from caloforge.beam import Conditions
from caloforge.engine import Plan, load_engine, read_card
from caloforge.engine.choose import default_batch
from caloforge.engine.native import NativeEngine
from caloforge.engine.runtimes import runtimes_for
from caloforge.source import forget
from caloforge.zoo import model_names, model_path


def cases(model: str, n: int) -> dict[str, Callable[[], None]]:
    """By name, what makes n showers of a model."""
    found: dict[str, Callable[[], None]] = {}
    for runtime in runtimes_for(read_card(model_path(model))):
        engine = load_engine(model, Plan(runtime=runtime))
        engine = load_engine(model, Plan(runtime=runtime, batch=default_batch(engine.card)))
        rng = np.random.default_rng(0)
        energy = rng.uniform(*engine.card.energy_range_gev, n).astype(np.float32)
        theta = rng.uniform(*engine.card.theta_range_rad, n).astype(np.float32)
        conditions = Conditions(energy, theta)

        def dense(engine=engine, conditions=conditions):
            for _ in engine.batches(conditions, forget, seed=1):
                pass

        def hits(engine=engine, conditions=conditions):
            for _ in engine.hits(conditions, seed=1):
                pass

        found[f"{runtime} dense"] = dense
        if isinstance(engine, NativeEngine):
            found[f"{runtime} hits"] = hits
    return found


def microseconds(make: Callable[[], None], n: int) -> float:
    """Processor time of one shower, of all threads."""
    began = time.process_time()
    make()
    return 1e6 * (time.process_time() - began) / n


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=model_names())
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--showers", type=int, default=1024)
    options = parser.parse_args()
    for model in options.models:
        made = cases(model, options.showers)
        for make in made.values():
            make()
        times: dict[str, list[float]] = {name: [] for name in made}
        for _ in range(options.rounds):
            for name, make in made.items():
                times[name].append(microseconds(make, options.showers))
        reference = np.array(times["native hits"]) if "native hits" in times else None
        print(f"{model}: us of processor time a shower, {options.rounds} rounds")
        for name, values in times.items():
            line = f"  {name:14} median {np.median(values):7.1f}   min {np.min(values):7.1f}"
            if reference is not None:
                line += f"   {np.median(np.array(values) / reference):5.2f} x native hits"
            print(line)


if __name__ == "__main__":
    main()
