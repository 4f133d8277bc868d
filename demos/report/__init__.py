"""Turns trial records into statistics, tables, figures and an HTML page."""
