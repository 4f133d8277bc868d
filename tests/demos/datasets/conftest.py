"""What the tests of datasets share."""

import functools
import importlib.util
import io
import tarfile
from types import SimpleNamespace

import keras
import pytest


@pytest.fixture(scope="session")
def write_archive():
    """A function of a path, the contents of files, and further members."""

    def write(path, files, **further):
        with tarfile.open(path, "w:gz") as tar:
            for name, content in files.items():
                add(tar, name, content)
            if further:
                add(tar, content=b"", **further)

    def add(tar, name, content, **attributes):
        member = tarfile.TarInfo(name)
        member.size = len(content)
        for key, value in attributes.items():
            setattr(member, key, value)
        tar.addfile(member, io.BytesIO(content))

    return write


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """Keras' cache of downloads, in a folder of the test's own."""
    folder = tmp_path / "cache"
    folder.mkdir()
    get_file = functools.partial(keras.utils.get_file, cache_dir=str(folder))
    monkeypatch.setattr(keras.utils, "get_file", get_file)
    return folder


@pytest.fixture
def no_package(monkeypatch):
    """No package is installed."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@pytest.fixture
def package(monkeypatch, tmp_path):
    """A folder that every package seems to be in."""
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    return tmp_path
