"""Pictures as arrays: each decoded and resized once, by several threads."""

import time
from collections.abc import Callable
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm


@dataclass(frozen=True)
class Pictures:
    """Pictures of one size, in memory.

    Attributes:
        pixels: uint8, shape `(pictures, side, side, 3)`; black where there is
            none.
        shown: float32, shape `(pictures, 1)`: 1 where there is a picture.
        seconds: What decoding them took.
        damaged: Those that could not be read.
    """

    pixels: np.ndarray
    shown: np.ndarray
    seconds: float
    damaged: frozenset[Any]


def read_all(
    pictures: Sequence[Any],
    read: Callable[[Any, int], np.ndarray],
    side: int,
    description: str = "pictures",
) -> Pictures:
    """Reads pictures, with a progress bar on long work; damaged ones are none.

    Args:
        pictures: What `read` understands; None where there is no picture.
        read: Returns uint8 `(side, side, 3)` of a picture and a side. Pillow,
            which decodes, lets other threads run meanwhile.
        side: Pixels of a side.
        description: For the progress bar.

    Returns:
        The pictures, in their order.
    """
    began = time.perf_counter()
    pixels = np.zeros((len(pictures), side, side, 3), "uint8")
    there = [i for i, picture in enumerate(pictures) if picture is not None]
    damaged: set[int] = set()

    def place(i: int) -> None:
        try:
            pixels[i] = read(pictures[i], side)
        except MemoryError:
            raise
        except Exception:  # Of a damaged file, decoders raise anything.
            damaged.add(i)

    with ThreadPoolExecutor() as pool:
        work = pool.map(place, there)
        for _ in tqdm(
            work, description, len(there), delay=2, leave=False, disable=None
        ):
            pass
    shown = np.zeros((len(pictures), 1), "float32")
    shown[there] = 1
    shown[list(damaged)] = 0
    return Pictures(
        pixels,
        shown,
        time.perf_counter() - began,
        frozenset(pictures[i] for i in damaged),
    )
