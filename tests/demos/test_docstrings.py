"""Every `Example:` in the demos runs and prints what it says."""

import doctest
import importlib
from pathlib import Path

import pytest

import demos
import keras_serf  # noqa: F401 - registers "serf" with Keras

# Those that train, and so need a backend that does.
TRAIN = {
    "demos.training.dead_units",
    "demos.notebooks.dense_networks",
    "demos.notebooks.landscape",
}


def modules():
    """The modules with an example, by name."""
    (folder,) = demos.__path__
    for path in sorted(Path(folder).rglob("*.py")):
        if ">>> " in path.read_text(encoding="utf-8"):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join(["demos", *parts]).removesuffix(".__init__")


@pytest.mark.parametrize("name", list(modules()))
def test_examples(name, request):
    if name in TRAIN:
        request.getfixturevalue("trains")
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
