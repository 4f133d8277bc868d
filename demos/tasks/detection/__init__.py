"""Object detection, scored by mAP."""
