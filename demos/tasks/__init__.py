"""The demos that train: one folder for each task, and their shared code."""
