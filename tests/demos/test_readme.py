"""The README: its code runs, its commands exist, its links lead somewhere."""

import re
import shlex
from functools import partial

import pytest
import tyro

import demos
from demos.__main__ import COMMANDS, main
from demos.common.errors import UserError

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def readme(repository):
    return (repository / "README.md").read_text(encoding="utf-8")


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


def test_every_command_exists_with_its_options(readme, monkeypatch, capsys):
    parse = tyro.cli

    def parse_only(*arguments, **options):
        parse(*arguments, **options)
        raise UserError("the command line fits")

    monkeypatch.setattr(tyro, "cli", parse_only)
    found = commands(readme)
    assert {arguments[0] for arguments in found} == COMMANDS.keys()
    for arguments in found:
        if "--help" not in arguments:
            main(arguments)
            assert capsys.readouterr().err == "error: the command line fits\n"


def test_its_python_code_runs(readme, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # Where what it writes goes.
    small = partial(demos.compare, seeds=(0,), epochs=1)
    monkeypatch.setattr(demos, "compare", small, raising=False)
    found = blocks(readme, "python")
    assert found
    for code in found:
        exec(compile(code, "README.md", "exec"), {})


def test_its_links_lead_somewhere(readme, repository):
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", readme)
    headings = {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", readme, re.M)
    }
    for link in links:
        if link.startswith("#"):
            assert link[1:] in headings, link
        else:
            assert (repository / link).exists(), link


def test_every_picture_is_shown_and_every_notebook_named(readme, repository):
    files = [
        *repository.glob("demos/record/figures/*.png"),
        *repository.glob("demos/notebooks/*.ipynb"),
    ]
    for file in files:
        assert f"({file.relative_to(repository).as_posix()})" in readme, file
