"""`compare`: activations in a model of your own."""
