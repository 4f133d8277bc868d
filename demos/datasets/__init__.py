"""Data sources, one per file, independent of models; `load` finds them by name.

`types` defines the datasets, and `splits` splits data.
"""
