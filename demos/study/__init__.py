"""The study engine of the demos: trials, executors, sweeps and progress."""
