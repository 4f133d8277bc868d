"""Takes times: in turns, in rounds, of calls long enough for the clock."""

import gc
import math
import random
import time
from collections.abc import Callable, Mapping

ROUNDS = 51  # At most.
Clock = Callable[[], float]


def interleave(
    samplers: Mapping[str, Callable[[], float]],
    seconds: float,
    least: int,
    clock: Clock = time.perf_counter,
) -> dict[str, tuple[float, ...]]:
    """Runs samplers, which return seconds, in a random order each round.

    No round begins after `seconds`, but `least` rounds are run even so. Returns
    by name a time for each round, in the order of `samplers`.
    """
    times: dict[str, list[float]] = {name: [] for name in samplers}
    draw = random.Random(0)
    began = clock()
    # What is alive now stays alive: collections need not look at it.
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for number in range(ROUNDS):
            if number >= least and clock() - began > seconds:
                break
            for name in draw.sample(list(samplers), len(samplers)):
                times[name].append(samplers[name]())
            gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
    return {name: tuple(each) for name, each in times.items()}


def repeated(
    call: Callable[[], object],
    least_seconds: float,
    clock: Clock = time.perf_counter,
) -> Callable[[], float]:
    """Makes a sampler of a call, which it repeats until a clock can measure it.

    The call is made here first, so that no sample compiles anything. A sample
    takes about `least_seconds` and returns the seconds of one call.
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
    return lambda: sample(count) / count
