"""Reads image files as arrays: finds, opens, orients and resizes them."""

import contextlib
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

from demos.common.errors import UserError
from demos.common.files import digest, is_regular
from demos.datasets.types import Read

# None of these formats runs another program, as Pillow does for PostScript.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MOST_PIXELS = 64_000_000  # Maximum number of pixels of a decoded image.
LARGE = 4_000_000  # Pixels; only one such image is decoded at a time.
_one_large = threading.Lock()
Image.MAX_IMAGE_PIXELS = None  # MOST_PIXELS replaces Pillow's limit.


class ImageFile(NamedTuple):
    """The path of a file relative to the data folder, and its SHA-256."""

    path: str
    digest: str


def find_image(
    folder: Path, path: str, allow_outside: bool = False
) -> ImageFile | None:
    """Returns the file at a path from the data; None if it does not exist.

    Args:
        folder: Folder of the data.
        path: Path relative to that folder.
        allow_outside: Whether the file may be outside the folder.

    Raises:
        UserError: If it is outside the folder: by `..`, by a link or as an
            absolute path.
    """
    found = folder / path
    if not is_regular(found):
        return None
    inside = found.resolve().is_relative_to(folder.resolve())
    if not (inside or allow_outside):
        raise UserError(
            f"{path} is outside {folder}; to allow it, give --allow-outside"
        )
    try:
        return ImageFile(path, digest(found))
    except OSError:
        return None


def read_image(folder: Path, file: ImageFile, side: int) -> np.ndarray:
    """Reads an image of a folder, in one of `FORMATS`.

    Returns:
        uint8 RGB array of shape `(side, side, 3)`.

    Raises:
        OSError: If the file is damaged, too large or not an image.
    """
    return resized(open_image(folder / file.path, side), side)


def open_image(
    path: Path,
    side: int | None = None,
    shape: tuple[float, float] | None = None,
) -> Image.Image:
    """Opens an image with the right orientation.

    Args:
        path: A file in one of `FORMATS`.
        side: Minimum width or height needed, in pixels; by default the image is
            read at full size.
        shape: Width and height. The EXIF orientation is applied only if the
            image then has this shape; by default, it is always applied.

    Returns:
        The image in RGB, with transparency on white.

    Raises:
        OSError: If the file is damaged, not an image, or has more than
            `MOST_PIXELS`.
    """
    with Image.open(path, formats=FORMATS) as opened:
        if side is not None:  # A JPEG is decoded at a reduced size.
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
    if image.mode == "F":
        raise OSError("its pixels are no integers; save them as 0 to 255")
    if image.mode.startswith("I"):  # 16 bits per pixel; Pillow would clip.
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
    """Images of one size in memory.

    Attributes:
        pixels: uint8 array of shape `(images, side, side, 3)`; black for a
            missing image.
        shown: float32 array of shape `(images, 1)`; 0 for a missing image,
            else 1.
        seconds: Time spent on decoding.
        damaged: The images that could not be read.
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
    """Reads images in several threads, with a progress bar for many images.

    Pillow releases the global interpreter lock. None stands for a missing
    image, and damaged images count as missing.
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
        except Exception:  # A decoder may raise anything.
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
