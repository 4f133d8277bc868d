"""Ablation: depth, width, optimizer and more, one axis at a time."""
