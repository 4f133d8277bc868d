"""Measures times in rounds, with enough calls for the clock's resolution."""

import gc
import math
import random
import time
from collections.abc import Callable, Mapping

ROUNDS = 51  # Maximum number of rounds.
Clock = Callable[[], float]


def interleave(
    samplers: Mapping[str, Callable[[], float]],
    seconds: float,
    least: int,
    clock: Clock = time.perf_counter,
) -> dict[str, tuple[float, ...]]:
    """Runs samplers, which return seconds, in a random order in each round.

    After `seconds`, no new round begins, except to complete `least` rounds.
    Returns the times of all rounds by name, in the order of `samplers`.
    """
    times: dict[str, list[float]] = {name: [] for name in samplers}
    draw = random.Random(0)
    began = clock()
    # Existing objects stay alive, so garbage collection can skip them.
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
    """Returns a sampler that repeats a call until a clock can measure it.

    The first call is made here, so that no sample includes compilation. A
    sample takes about `least_seconds` and returns the seconds of one call.
    """

    def sample(count: int) -> float:
        began = clock()
        for _ in range(count):
            call()
        return clock() - began

    call()
    count = 1
    while (taken := sample(count)) < least_seconds:
        # Increase gradually, because a short sample is inaccurate.
        wanted = count * least_seconds / max(taken, 1e-9)
        count = min(10 * count, max(2 * count, math.ceil(wanted)))
    return lambda: sample(count) / count
