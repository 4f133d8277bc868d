"""Cost: time and memory beside other activations, on every backend."""
