"""The notebooks as they are committed: run, whole, clean, and ready to run."""

import ast
import base64
import copy
import json
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from demos.tasks.study import SMOKE_TEST

NOTEBOOKS = sorted(Path(__file__).parents[2].glob("demos/notebooks/*.ipynb"))
# Of a person's or a machine's own: nothing a visitor should see.
PRIVATE = re.compile(
    r"/(content|home|mnt|opt|root|tmp|usr|work|context|Users)/|"
    r"\b[A-Z]:\\|site-packages"
)
LARGEST_PICTURE = 500_000  # Bytes.


def source(cell):
    return "".join(cell["source"])


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def outputs(notebook):
    return [o for cell in code_cells(notebook) for o in cell["outputs"]]


def faults(notebook):
    """Says what is wrong with a notebook that is to be shown as it is."""
    cells, found = code_cells(notebook), []
    counts = [cell["execution_count"] for cell in cells]
    if counts != list(range(1, len(cells) + 1)):
        found.append(f"not run from first to last: {counts}")
    if not any("data" in output for output in outputs(notebook)):
        found.append("no outputs")
    for cell in cells:
        for output in cell["outputs"]:
            data = dict(output.get("data", {}))
            picture = data.pop("image/png", "")
            text = json.dumps({**output, "data": data})
            if output["output_type"] == "error":
                found.append(f"error: {output['evalue']}")
            if output.get("name") == "stderr":
                found.append(f"stderr: {text}")
            if PRIVATE.search(text):
                found.append(f"a path of one machine: {text[:200]}")
            if len(base64.b64decode(picture)) > LARGEST_PICTURE:
                found.append(f"too large a picture: {source(cell)}")
    return found


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return read(request.param)


def test_there_is_one_for_each_task_for_theory_and_for_the_readers_own():
    names = {path.stem for path in NOTEBOOKS}
    assert {"sentiment", "translation", "entailment", "theory"} <= names
    assert {"vision", "your_own_model", "transformer"} <= names


def test_it_was_run_and_shows_what_came_out(notebook):
    assert faults(notebook) == []
    pictures = [
        o for o in outputs(notebook) if "image/png" in o.get("data", {})
    ]
    assert pictures


def test_no_run_was_a_smoke_test(notebook):
    assert SMOKE_TEST not in json.dumps(outputs(notebook))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda cell: cell.update(outputs=[]), "no outputs"),
        (lambda cell: cell.update(execution_count=None), "not run from first"),
        (
            lambda cell: cell["outputs"].append(
                {"output_type": "error", "ename": "E", "evalue": "no"}
            ),
            "error: no",
        ),
        (
            lambda cell: cell["outputs"].append(
                {"output_type": "stream", "name": "stderr", "text": ["w"]}
            ),
            "stderr",
        ),
        (
            lambda cell: cell["outputs"].append(
                {
                    "output_type": "stream",
                    "name": "stdout",
                    "text": ["/home/somebody/a.png"],
                }
            ),
            "a path",
        ),
    ],
)
def test_a_damaged_one_would_be_noticed(notebook, damage, says):
    damaged = copy.deepcopy(notebook)
    for cell in code_cells(damaged):
        damage(cell)
    assert any(fault.startswith(says) for fault in faults(damaged))


def test_it_opens_with_a_question_and_how_long_it_takes(notebook):
    first = source(notebook["cells"][0])
    assert re.match(r"# [^\n]+\?\n", first)
    assert re.search(r"takes about \w+ minutes? on 2 cores", first)


def test_a_study_shows_its_verdict_first_and_as_a_picture(notebook):
    cells = code_cells(notebook)
    studies = [n for n, c in enumerate(cells) if "verdict.png" in source(c)]
    for number in studies[:1]:  # The last one is for the reader's own data.
        picture, card = (o["data"] for o in cells[number]["outputs"][-2:])
        assert "image/png" in picture
        assert "report-card" in "".join(card["text/html"])
        assert not any(cell["outputs"] for cell in cells[:number])


def test_it_says_nothing_of_how_it_was_run(notebook):
    assert notebook["metadata"].keys() <= {"kernelspec", "language_info"}
    for cell in notebook["cells"]:
        assert cell["metadata"].keys() <= {"tags"}


def set_up(notebook):
    """Returns what a notebook needs, and the rest of its first code cell."""
    first, rest = source(code_cells(notebook)[0]).split("\n", 1)
    (needs,) = re.findall(r'^NEEDS = "([\w ]+)"$', first)
    return set(needs.split()), rest


def test_all_are_set_up_alike_but_for_what_they_need():
    cells = {set_up(read(path))[1] for path in NOTEBOOKS}
    assert len(cells) == 1
    assert cells.pop().startswith("# Set-up")


@pytest.fixture
def run_set_up(monkeypatch):
    """Runs the set-up in a folder, and returns what it would install."""

    def run(folder, needs):
        commands = []
        code = re.sub(
            r"^( +)([!%].*)$",
            lambda line: f"{line[1]}shell({line[2]!r})",
            set_up(read(NOTEBOOKS[0]))[1],
            flags=re.MULTILINE,
        )
        monkeypatch.chdir(folder)
        exec(code, {"NEEDS": needs, "shell": commands.append})
        return commands

    return run


def test_set_up_finds_the_checkout_two_folders_up(run_set_up, tmp_path):
    notebooks = tmp_path / "demos" / "notebooks"
    notebooks.mkdir(parents=True)
    (tmp_path / "demos" / "__main__.py").touch()
    assert run_set_up(notebooks, "json no_such_module") == [
        '%pip install -q -e ".[demos]"'
    ]
    assert Path.cwd() == tmp_path


def test_set_up_is_content_with_what_is_installed(run_set_up, tmp_path):
    assert run_set_up(tmp_path, "json") == []
    assert Path.cwd() == tmp_path


def test_set_up_says_in_one_line_what_to_do(run_set_up, tmp_path):
    with pytest.raises(ImportError, match="no_such_module not found: open"):
        run_set_up(tmp_path, "json no_such_module")


def test_one_cell_holds_the_parameters(notebook):
    (cell,) = (
        cell
        for cell in notebook["cells"]
        if "parameters" in cell["metadata"].get("tags", [])
    )
    assert re.search(r"^quick = False", source(cell), re.MULTILINE)


def test_its_code_is_thin(notebook):
    longest = max(
        len(source(cell).splitlines()) for cell in code_cells(notebook)
    )
    assert longest <= 30


def test_a_study_ends_with_a_cell_for_the_readers_own_data(notebook):
    last = source(code_cells(notebook)[-1])
    if "report" in last:
        assert re.search(r"^(my_)?data = None  # ", last, re.MULTILINE)


def test_its_code_needs_only_what_the_set_up_looks_for(notebook):
    code = "\n".join(map(source, code_cells(notebook)))
    code = re.sub(r"^( *)[!%].*$", r"\1pass", code, flags=re.MULTILINE)
    imported = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.split(".")[0])
    needs, _ = set_up(notebook)
    assert imported - sys.stdlib_module_names - {"IPython"} <= needs
    assert all(map(find_spec, needs))  # The demos install them.
