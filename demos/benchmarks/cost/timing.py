"""Takes times: in turns, in rounds, of calls long enough for the clock."""

import gc
import math
import random
import time
from collections.abc import Callable, Mapping

ROUNDS = 51  # At most.


def interleave(
    samplers: Mapping[str, Callable[[int], float]],
    seconds: float,
    least: int,
    seed: int,
    clock: Callable[[], float] = time.perf_counter,
    most: int = ROUNDS,
) -> dict[str, tuple[float, ...]]:
    """Runs samplers in turns, in a random order each round.

    Args:
        samplers: By name; each takes the number of the round and returns
            seconds.
        seconds: No round begins later.
        least: The number of rounds that are run even so.
        seed: The seed of the orders.
        clock: Returns the time in seconds.
        most: The largest number of rounds.

    Returns:
        By name, a time for each round; in the order of `samplers`.
    """
    times: dict[str, list[float]] = {name: [] for name in samplers}
    draw = random.Random(seed)
    began = clock()
    # What is alive now stays alive: collections need not look at it.
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for number in range(most):
            if number >= least and clock() - began > seconds:
                break
            for name in draw.sample(list(samplers), len(samplers)):
                times[name].append(samplers[name](number))
            gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
    return {name: tuple(each) for name, each in times.items()}


def repeated(
    call: Callable[[], object],
    least_seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> Callable[[int], float]:
    """Makes a sampler of a call, which it repeats until a clock can measure it.

    Args:
        call: Returns when its result is computed. It is called here first, so
            that no sample compiles anything.
        least_seconds: The time that a sample takes, about.
        clock: Returns the time in seconds.

    Returns:
        A function of the number of the round, which it ignores: the seconds
        that one call takes.
    """

    def sample(count: int) -> float:
        began = clock()
        for _ in range(count):
            call()
        return clock() - began

    call()
    count = 1
    while (taken := sample(count)) < least_seconds:
        # Towards the goal, but never far after one short sample.
        wanted = count * least_seconds / max(taken, 1e-9)
        count = min(10 * count, max(2 * count, math.ceil(wanted)))
    return lambda _: sample(count) / count
