"""Demos of Serf on real tasks: `python -m demos` lists them."""
