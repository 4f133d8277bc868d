"""Who runs the trials of a study: this process, several, or a Ray cluster."""
