"""Any input ends in a right dataset or in one line, soon, never in a traceback.

What is drawn here are tables, files in COCO's format and folders of images.
"""

import contextlib
import csv
import io
import json
import os
import socket

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from demos.common.errors import UserError
from demos.common.files import is_regular, read_text
from demos.common.text import printable
from demos.datasets import image_folder, images
from demos.datasets.load import (
    load_detection,
    load_entailment,
    load_images,
    load_texts,
    load_translation,
)
from demos.datasets.splits import MOST_LABELS

pytestmark = pytest.mark.once

few = settings(
    max_examples=40,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@contextlib.contextmanager
def one_line_or_right():
    """Lets a `UserError` of one printable line pass, and no other error."""
    line = ""
    try:
        yield
    except UserError as error:
        line = str(error)
    assert line == printable(line)
    assert len(line) < 2000


def check_splits(dataset, columns):
    """Every split has rows, each row a label, and no row is in two splits."""
    parts = (dataset.train, dataset.validation, dataset.test)
    names = set()
    for part in parts:
        assert len(part) > 0
        assert {*part.labels} <= {*range(len(dataset.label_names))}
        names |= {*part.labels}
    assert len(names) == len(dataset.label_names) >= 2
    rows = [row for part in parts for row in columns(part)]
    assert len(set(rows)) == len(rows)
    assert all(name == printable(name) != "" for name in dataset.label_names)


words = st.text(max_size=6) | st.sampled_from(
    ["", "\x1b[31m", "a\nb", '"', "'", "\0", "é", "\u2028", "NaN", "../x.png"]
)


@st.composite
def tables(draw, columns):
    """Bytes of a table: many good rows, some drawn ones, perhaps damaged."""
    labels = draw(st.integers(1, 4))
    count = draw(st.sampled_from([0, 5, 30, 120]))
    rows = [
        [*(f"{name} {i}" for name in columns[:-1]), f"label {i % labels}"]
        for i in range(count)
    ]
    rows += draw(st.lists(st.lists(words, min_size=1, max_size=6), max_size=4))
    file = io.StringIO()
    csv.writer(file).writerows([columns, *rows])
    content = file.getvalue().encode()
    if draw(st.booleans()):
        place = draw(st.integers(0, len(content)))
        content = (
            content[:place] + draw(st.binary(max_size=4)) + content[place:]
        )
    return content


@few
@given(tables(["text", "label"]) | st.binary(max_size=60))
def test_any_table_of_texts(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with one_line_or_right():
        check_splits(load_texts(str(path)), lambda part: part.texts)


@few
@given(
    tables(["text_1", "image_1", "text_2", "image_2", "label"])
    | st.binary(max_size=60)
)
def test_any_table_of_posts(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with one_line_or_right():
        check_splits(
            load_entailment(str(path)),
            lambda part: zip(part.premises, part.hypotheses, strict=True),
        )


@few
@given(st.lists(st.tuples(words, words), max_size=60), st.binary(max_size=9))
def test_any_sentence_pairs(tmp_path, pairs, damage):
    path = tmp_path / "a.tsv"
    lines = "\n".join("\t".join(pair) for pair in pairs)
    path.write_bytes(damage + lines.encode())
    with one_line_or_right():
        dataset = load_translation(str(path))
        parts = (dataset.train, dataset.validation, dataset.test)
        sources = [{*part.sources} for part in parts]
        assert all(sources)
        assert len(set().union(*sources)) == sum(map(len, sources))


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "name", "bbox"]), inner)
    ),
    max_leaves=6,
)


@few
@given(
    st.sampled_from(["images", "annotations", "categories", ""]),
    st.integers(0, 5),
    st.sampled_from(
        ["id", "name", "file_name", "width", "bbox", "category_id", "iscrowd"]
    ),
    junk,
)
def test_any_annotations(tmp_path, part, row, key, value):
    content = {
        "categories": [{"id": 1, "name": "cat"}],
        "images": [
            {"id": i, "file_name": f"{i}.png", "width": 8, "height": 8}
            for i in range(6)
        ],
        "annotations": [
            {"image_id": i, "category_id": 1, "bbox": [1, 1, 3, 3]}
            for i in range(6)
        ],
    }
    if part:
        rows = content[part]
        rows[row % len(rows)][key] = value
    else:
        content[["images", "annotations", "categories"][row % 3]] = value
    (tmp_path / "train").mkdir(exist_ok=True)
    for i in range(6):
        path = tmp_path / "train" / f"{i}.png"
        if not path.exists():
            Image.new("RGB", (8, 8), (40 * i, 0, 0)).save(path)
    path = tmp_path / "train" / "_annotations.coco.json"
    path.write_text(json.dumps(content))
    with one_line_or_right():
        dataset = load_detection(str(tmp_path))
        for split in (dataset.train, dataset.validation, dataset.test):
            for box in (box for row in split.boxes for box in row):
                assert 0 <= box.left < box.left + box.width <= 1 + 1e-6
                assert 0 <= box.top < box.top + box.height <= 1 + 1e-6
                assert 0 <= box.label < len(dataset.label_names)
            for picture in split.pictures:
                assert dataset.read(picture, 4).shape == (4, 4, 3)


@few
@given(st.data())
def test_any_folder_of_images(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("folder")
    name = st.sampled_from(
        ["a", "b", "__MACOSX", ".x", "ü", "\x1b[1m", "a.png"]
    )
    for label in data.draw(st.lists(name, max_size=3, unique=True)):
        (folder / label).mkdir()
        for i in range(data.draw(st.sampled_from([0, 3, 12]))):
            colour = (20 * i, 7 * len(label), ord(label[0]) % 256)
            Image.new("RGB", (9, 9), colour).save(folder / label / f"{i}.png")
        damage = data.draw(st.binary(max_size=20))
        (folder / label / "damaged.jpg").write_bytes(damage)
    with one_line_or_right():
        dataset = load_images(str(folder), 8)
        check_splits(dataset, lambda part: [p.tobytes() for p in part.pixels])


@pytest.fixture
def specials(tmp_path):
    """Paths that are there and are no regular files."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as server, contextlib.chdir(tmp_path):
        server.bind("socket")
    names = [
        "pipe",
        "folder",
        "zero",
        "loop",
        "socket",
        "\0",
        "n" * 300,
        "gone",
    ]
    return [tmp_path / name for name in names]


def test_only_regular_files_are_read(tmp_path, specials):
    for path in specials:
        assert not is_regular(path)
        assert (
            images.find_image(tmp_path, path.name, allow_outside=True) is None
        )
        with pytest.raises((OSError, ValueError)):
            read_text(path)


@pytest.mark.parametrize(
    "load", [load_texts, load_entailment, load_translation]
)
def test_data_that_are_no_file_are_one_line(tmp_path, specials, load):
    for path in specials:
        link = tmp_path / "link.tsv"
        link.unlink(missing_ok=True)
        link.symlink_to(path.name) if "\0" not in path.name else None
        with pytest.raises(UserError, match="Expected --dataset to be a file"):
            load(str(link))


def test_files_outside_the_folder_are_refused(tmp_path):
    inside = tmp_path / "data"
    inside.mkdir()
    (tmp_path / "secret").touch()
    (inside / "own").touch()
    (inside / "link").symlink_to("../secret")
    (inside / "own link").symlink_to("own")
    assert images.find_image(inside, "own")
    assert images.find_image(inside, "../data/own link")
    for path in ("../secret", str(tmp_path / "secret"), "link"):
        with pytest.raises(UserError, match="--allow-outside"):
            images.find_image(inside, path)
        assert images.find_image(inside, path, allow_outside=True)


def test_texts_as_labels_are_refused_at_once(tmp_path):
    path = tmp_path / "a.csv"
    rows = "".join(f"text {i},label {i}\n" for i in range(50_000))
    path.write_text(f"text,label\n{rows}")
    with pytest.raises(UserError, match=r"1,000 different.*Received: 50000"):
        load_texts(str(path))


def test_a_whole_disk_is_not_walked(tmp_path, monkeypatch):
    monkeypatch.setattr(image_folder, "MOST_FILES", 20)
    for i in range(30):
        (tmp_path / "a" / f"{i}").mkdir(parents=True)
    with pytest.raises(UserError, match="at most 20 files"):
        load_images(str(tmp_path))
    for i in range(MOST_LABELS + 1):
        (tmp_path / f"{i}").mkdir()
    with pytest.raises(UserError):
        load_images(str(tmp_path))


@pytest.mark.parametrize("size", [(13_400, 13_400), (8_100, 8_000)])
def test_an_image_of_too_many_pixels_is_refused(tmp_path, size):
    path = tmp_path / "a.png"
    Image.new("1", size).save(path)
    with pytest.raises(OSError, match="megapixels"):
        images.open_image(path)  # pytest turns Pillow's warning into an error.


def test_an_image_of_fractions_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    Image.new("F", (8, 8), 0.5).save(path)
    with pytest.raises(OSError, match="no integers"):
        images.open_image(path)


def test_a_large_photograph_is_decoded_at_a_smaller_size(tmp_path):
    path = tmp_path / "a.jpg"
    Image.new("L", (9_000, 9_000), 77).save(path)
    file = images.find_image(tmp_path, "a.jpg")
    assert (images.read_image(tmp_path, file, 8) == 77).all()


def test_no_program_is_run_for_an_image(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((8, 8), "uint8")).save(path, "EPS")
    with pytest.raises(OSError, match="cannot identify"):
        images.open_image(path)
