"""Runtimes of exported models: `load(path)` returns a function of the input.

A module for each, because it imports the runtime at the top.
"""
