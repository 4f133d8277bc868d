"""Classification of images by small networks or Keras Applications."""
