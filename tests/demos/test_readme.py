"""The documentation: its code runs, its commands exist, its links resolve."""

import re
import shlex
from functools import partial

import pytest
import tyro

import demos
from demos.__main__ import COMMANDS, main
from demos.common.errors import UserError

pytestmark = pytest.mark.once
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "demos/README.md",
    "demos/record/README.md",
    "demos/record/accuracy.md",
    "demos/record/cost.md",
    "demos/record/export.md",
    "keras_serf/README.md",
)


@pytest.fixture(scope="module")
def pages(repository):
    """The text of each page."""
    return {
        name: (repository / name).read_text(encoding="utf-8") for name in PAGES
    }


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def commands(text):
    """Every `python -m demos ...` of the text, without `python -m demos`."""
    inline = re.findall(r"`python -m demos ([^`]+)`", text)
    lines = "".join(blocks(text, "shell")).replace("\\\n", " ").splitlines()
    shell = [
        part.removeprefix("python -m demos ")
        for line in lines
        for part in line.split(" && ")
        if part.startswith("python -m demos ")
    ]
    return [shlex.split(found) for found in [*inline, *shell]]


def anchors(text):
    """The anchors of the headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.M)
    }


def test_every_command_exists_with_its_options(pages, monkeypatch, capsys):
    parse = tyro.cli

    def parse_only(*arguments, **options):
        parse(*arguments, **options)
        raise UserError("the command line fits")

    monkeypatch.setattr(tyro, "cli", parse_only)
    found = {
        tuple(words)
        for text in pages.values()
        for words in commands(text)
        if words[0].islower()  # Not TASK, which stands for any.
    }
    assert {arguments[0] for arguments in found} == COMMANDS.keys()
    for arguments in found:
        if "--help" not in arguments:
            main(arguments)
            assert capsys.readouterr().err == "error: the command line fits\n"


@pytest.mark.parametrize("name", ["README.md", "keras_serf/README.md"])
def test_its_python_code_runs(name, pages, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # Where what it writes goes.
    small = partial(demos.compare, seeds=(0,), epochs=1)
    monkeypatch.setattr(demos, "compare", small, raising=False)
    found = blocks(pages[name], "python")
    assert found
    for code in found:
        exec(compile(code, name, "exec"), {})


@pytest.mark.parametrize("name", PAGES)
def test_its_links_resolve(name, pages, repository):
    folder = (repository / name).parent
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", pages[name]):
        path, _, anchor = link.partition("#")
        target = (folder / path).resolve() if path else repository / name
        assert target.exists(), link
        if anchor:
            other = target.relative_to(repository).as_posix()
            assert anchor in anchors(pages[other]), link


def test_the_readme_is_short(pages):
    assert len(pages["README.md"].splitlines()) <= 200


def test_every_picture_is_shown_and_every_notebook_named(pages, repository):
    files = [
        *repository.glob("demos/record/**/*.png"),
        *repository.glob("demos/notebooks/*.ipynb"),
    ]
    named = {
        ((repository / name).parent / link).resolve()
        for name, text in pages.items()
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    }
    assert {file.resolve() for file in files} <= named
