"""Images: found, opened the right way up, read once and in order."""

import numpy as np
import pytest
from PIL import Image

from demos.datasets import images

pytestmark = pytest.mark.once


def read(folder, name):
    return images.read_image(folder, images.find_image(folder, name), 8)


def test_a_photograph_is_turned_as_its_camera_was(tmp_path):
    picture = Image.new("RGB", (16, 16), "white")
    picture.paste("red", (0, 0, 16, 8))  # Above; shown at the right.
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: to be turned by a quarter, clockwise.
    picture.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    pixels = read(tmp_path, "turned.jpg").astype(int)
    assert (pixels[:, 6:, 1] < 60).all()
    assert (pixels[:, :2, 1] > 200).all()


@pytest.mark.parametrize("under", ["black", "red"])
def test_what_is_transparent_is_white(tmp_path, under):
    picture = Image.new("RGBA", (16, 16), under)
    picture.putalpha(0)
    picture.save(tmp_path / "clear.png")
    assert (read(tmp_path, "clear.png") == 255).all()


def test_16_bits_a_pixel_are_scaled(tmp_path):
    grey = np.full((16, 16), 0x8000, "uint16")
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert (read(tmp_path, "grey.png") == 0x80).all()


def test_files_are_known_by_their_content(tmp_path):
    Image.new("RGB", (4, 4), "red").save(tmp_path / "a.png")
    before = images.find_image(tmp_path, "a.png")
    Image.new("RGB", (4, 4), "blue").save(tmp_path / "a.png")
    assert images.find_image(tmp_path, "a.png") != before
    assert images.find_image(tmp_path, "b.png") is None
    assert images.find_image(tmp_path, "\0.png") is None


def test_images_come_in_order_and_once_and_damaged_ones_are_none():
    asked = []

    def read(picture, side):
        asked.append(picture)
        if picture == 3:
            raise ValueError("damaged")
        return np.full((side, side, 3), picture, "uint8")

    found = images.read_all([5, None, 3, 7], read, 2)
    assert found.pixels[:, 0, 0, 0].tolist() == [5, 0, 0, 7]
    assert found.pixels.shape == (4, 2, 2, 3)
    assert found.shown.tolist() == [[1], [0], [0], [1]]
    assert found.damaged == {3}
    assert sorted(asked) == [3, 5, 7]
    assert images.read_all([], read, 4).pixels.shape == (0, 4, 4, 3)
