"""The engine of every demo: trials, their executors, sweeps and progress."""
