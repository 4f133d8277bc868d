"""Exports: small models in every format, run in every runtime."""
