"""Augmentation of training images: random shifts and flips."""

import numpy as np


def shift_and_flip(
    pixels: np.ndarray, generator: np.random.Generator, shift: int, flip: bool
) -> np.ndarray:
    """Shifts and flips the images of a batch at random.

    Args:
        pixels: Shape `(batch, height, width, channels)`.
        generator: Random generator.
        shift: Maximum shift in each direction, in pixels; the border is black.
        flip: Whether to flip half of the images horizontally.

    Example:

    >>> pixels = np.arange(4, dtype="uint8").reshape(1, 2, 2, 1)
    >>> generator = np.random.default_rng(1)
    >>> flipped = shift_and_flip(pixels, generator, shift=0, flip=True)
    >>> sorted(flipped[0, 0, :, 0].tolist())
    [0, 1]
    """
    count, height, width, _ = pixels.shape
    if shift:
        border = [(0, 0), (shift, shift), (shift, shift), (0, 0)]
        padded = np.pad(pixels, border)
        places = generator.integers(0, 2 * shift + 1, (count, 2))
        pixels = np.stack(
            [
                image[top : top + height, left : left + width]
                for image, (top, left) in zip(padded, places, strict=True)
            ]
        )
    if flip:
        flipped = np.less(generator.random((count, 1, 1, 1)), 0.5)
        pixels = np.where(flipped, pixels[:, :, ::-1], pixels)
    return pixels
