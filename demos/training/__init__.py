"""Training of a model: batches, fit, checkpoints, optimizers, callbacks."""
