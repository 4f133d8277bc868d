"""Cost: time and memory of Serf and other activations, on each backend.

All activations of a cell (one backend, work, mode, dtype and size) run in one
process, in a random order in each round. A ratio is the median over the rounds
of the ratio of two times in the same round, so that other load on the machine
affects both equally. Ratios are more comparable between machines than seconds.
No test checks either.
"""
