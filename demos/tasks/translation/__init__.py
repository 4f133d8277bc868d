"""Translation by a small Transformer, scored by BLEU."""
