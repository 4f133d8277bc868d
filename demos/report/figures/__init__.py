"""Figures of a study, one file a kind."""
