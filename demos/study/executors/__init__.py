"""Executors of trials: this process, several processes, or a Ray cluster."""
