"""Classification of images by networks of any kind and depth."""
