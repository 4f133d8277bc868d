"""Summary: all studies on one page."""
