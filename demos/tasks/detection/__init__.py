"""Detection: where is which thing in an image, scored by mAP."""
