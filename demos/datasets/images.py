"""Image files as arrays: found, opened the right way up, resized, in bulk."""

import contextlib
import hashlib
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from demos.common.files import find_file
from demos.datasets.types import Read

# None of these runs another program, as Pillow does for PostScript.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MOST_PIXELS = 64_000_000  # Of an image as it is decoded.
LARGE = 4_000_000  # Pixels; only one such image is decoded at a time.
_one_large = threading.Lock()
Image.MAX_IMAGE_PIXELS = None  # Pillow's limit warns; ours is above.


class ImageFile(NamedTuple):
    """A file, by its path from the folder of the data, and its SHA-256."""

    path: str
    digest: str


def find_image(
    folder: Path, path: str, allow_outside: bool = False
) -> ImageFile | None:
    """Returns the file at a path from a folder; None where there is none.

    Raises:
        UserError: It is outside the folder, which is not allowed.
    """
    found = find_file(folder, path, allow_outside)
    if found is None:
        return None
    try:
        with found.open("rb") as file:
            return ImageFile(
                path, hashlib.file_digest(file, "sha256").hexdigest()
            )
    except OSError:
        return None


def read_image(folder: Path, file: ImageFile, side: int) -> np.ndarray:
    """Reads an image of a folder, in one of `FORMATS`.

    Returns:
        uint8, shape `(side, side, 3)`, red, green and blue.

    Raises:
        OSError: The file is damaged, no image, or too large.
    """
    return resized(open_image(folder / file.path, side), side)


def open_image(
    path: Path,
    side: int | None = None,
    shape: tuple[float, float] | None = None,
) -> Image.Image:
    """Opens an image, the right way up.

    Args:
        path: In one of `FORMATS`.
        side: A width or height of this many pixels is enough; by default the
            image is read in full.
        shape: A width and a height: the image is turned as its camera was only
            if it is then wide or high as they are; by default always.

    Returns:
        The image in red, green and blue, on white where it is transparent.

    Raises:
        OSError: The file is damaged, no image, or has more than `MOST_PIXELS`.
    """
    with Image.open(path, formats=FORMATS) as opened:
        if side is not None:  # JPEG: decodes no more than needed.
            opened.draft("RGB", (side, side))
        pixels = opened.width * opened.height
        if pixels > MOST_PIXELS:
            raise OSError(
                f"it has {pixels / 1e6:.0f} megapixels, more than "
                f"{MOST_PIXELS / 1e6:.0f}"
            )
        with _one_large if pixels > LARGE else contextlib.nullcontext():
            return _upright(opened, shape)


def _upright(
    opened: Image.Image, shape: tuple[float, float] | None
) -> Image.Image:
    stored_wide = opened.width > opened.height
    image = ImageOps.exif_transpose(opened)
    if shape is not None:
        wide = shape[0] > shape[1]
        if not (wide == (image.width > image.height) != stored_wide):
            image = opened
    if image.mode.startswith("I"):  # 16 bits a pixel, which Pillow cuts.
        high = np.asarray(image) / 256
        image = Image.fromarray(high.clip(0, 255).astype("uint8"))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    return image.convert("RGB")


def resized(image: Image.Image, side: int) -> np.ndarray:
    """Resizes an image to a square: uint8 `(side, side, 3)`."""
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))


@dataclass(frozen=True)
class Pictures:
    """Images of one size, in memory.

    Attributes:
        pixels: uint8, shape `(images, side, side, 3)`; black where there is
            none.
        shown: float32, shape `(images, 1)`: 1 where there is an image.
        seconds: Time spent on decoding.
        damaged: Those that could not be read.
    """

    pixels: np.ndarray
    shown: np.ndarray
    seconds: float
    damaged: frozenset[Any]


def read_all(
    pictures: Sequence[Any],
    read: Read,
    side: int,
    description: str = "pictures",
) -> Pictures:
    """Reads images in several threads, with a progress bar on long work.

    Pillow releases the interpreter's lock. None stands for no image, and
    damaged images count as missing.
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
        except Exception:  # Decoders raise anything on a damaged file.
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
