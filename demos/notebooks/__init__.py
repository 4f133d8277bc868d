"""The notebooks, and the code that they alone use."""
