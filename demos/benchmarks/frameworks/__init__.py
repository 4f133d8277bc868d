"""What the benchmarks do differently on each framework, one module for each."""
