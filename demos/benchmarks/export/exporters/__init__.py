"""Exporters of Keras models: `export(model, path, format)` writes a file.

A module for each converter, because it imports the converter at the top.
"""
