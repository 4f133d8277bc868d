"""How times are taken. No test looks at a real clock."""

import pytest

from demos.benchmarks.cost.timing import ROUNDS, interleave, repeated

pytestmark = pytest.mark.once


class Clock:
    """Shows the time that the work done on it has taken."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def work(self, seconds):
        """Returns a call that takes so long."""

        def call():
            self.now += seconds

        return call


def test_samplers_run_in_turns_in_another_order_each_round():
    names = ("a", "b", "c", "d")

    def order():
        calls = []
        rounds = {name: 0 for name in names}

        def sampler(name):
            def sample():
                calls.append((rounds[name], name))
                rounds[name] += 1
                return float(rounds[name])

            return sample

        samplers = {name: sampler(name) for name in names}
        times = interleave(samplers, -1.0, 8, Clock())
        assert list(times) == list(names)
        assert set(times.values()) == {tuple(map(float, range(1, 9)))}
        return calls

    first = order()
    assert [number for number, _ in first] == sorted(n for n, _ in first)
    rounds = [[n for r, n in first if r == number] for number in range(8)]
    assert all(sorted(each) == list(names) for each in rounds)
    assert len({tuple(each) for each in rounds}) > 1
    assert order() == first


@pytest.mark.parametrize(
    ("seconds", "rounds"), [(0.0, 3), (7.0, 4), (1e9, ROUNDS)]
)
def test_rounds_end_with_the_time_but_not_too_early(seconds, rounds):
    clock = Clock()
    works = {"a": clock.work(0.5), "b": clock.work(1.5)}
    samplers = {
        name: lambda call=call: call() or 1.0 for name, call in works.items()
    }
    times = interleave(samplers, seconds, 3, clock)
    assert {len(each) for each in times.values()} == {rounds}


@pytest.mark.parametrize("seconds", [1e-6, 3e-4, 0.5])
def test_short_calls_are_repeated(seconds):
    clock = Clock()
    sample = repeated(clock.work(seconds), 0.02, clock)
    before = clock.now
    assert sample() == pytest.approx(seconds)
    taken = clock.now - before
    assert max(0.02, seconds) * 0.99 <= taken <= max(0.5, 10 * 0.02)
