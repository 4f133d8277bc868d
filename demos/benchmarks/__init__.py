"""Benchmarks of Serf: accuracy, cost and export."""
