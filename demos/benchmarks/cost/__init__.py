"""Cost: time and memory of Serf beside other activations, on each backend.

All activations of a cell (one backend, work, mode, dtype and size) run in turns
in one process, in a random order each round. A ratio is the median, over the
rounds, of two times of the same round, so that other load on the machine
affects both alike. Ratios carry over from one machine to another better than
seconds; no test checks either.
"""
