"""Whether the tuner's plan is as fast as the best that trying everything finds.

    python benchmarks/tuning.py MODEL [ROUNDS]

The tuner chooses; then every sharing of the cores with every batch is measured in turn, together
with the tuner's choice.
"""

import argparse

from caloforge.engine import load_engine, read_card
from caloforge.engine.choose import choose_plan
from caloforge.engine.tune import BATCHES, measure_engines, tune
from caloforge.provenance import available_cores
from caloforge.zoo import model_path


def main() -> None:
    """Print every plan, fastest first, and how far the tuner's is from the fastest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("rounds", type=int, nargs="?", default=7)
    options = parser.parse_args()
    path = model_path(options.model)
    cores = available_cores()
    card = read_card(path)
    base = choose_plan(path, card, streams=cores)
    chosen = tune(path, card, base)[0].plan
    plans = [
        base.model_copy(update={"streams": streams, "threads": cores // streams, "batch": batch})
        for streams in range(1, cores + 1)
        if cores % streams == 0
        for batch in BATCHES
    ]
    times = measure_engines([load_engine(path, plan) for plan in plans], options.rounds)
    for ms, plan in sorted(zip(times, plans, strict=True), key=lambda pair: pair[0]):
        print(f"{ms:.4f} ms  {plan}{'  <- tuner' if plan == chosen else ''}")
    print(f"the tuner is {times[plans.index(chosen)] / min(times) - 1:.1%} off the best")


if __name__ == "__main__":
    main()
