"""Framework-specific code of the benchmarks, one module for each."""
