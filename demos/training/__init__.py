"""Training of one model: batches, fit, checkpoints, optimizers, callbacks."""
