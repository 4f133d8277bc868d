"""The demos that train: a folder a task, and what the tasks share."""
