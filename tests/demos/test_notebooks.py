"""The notebooks as they are committed: run, whole, clean, and ready to run."""

import ast
import base64
import copy
import json
import re
from pathlib import Path

import pytest

from demos.tasks.study import SMOKE_TEST

NOTEBOOKS = sorted(Path(__file__).parents[2].glob("demos/notebooks/*.ipynb"))
# Of a person's or a machine's own: nothing a visitor should see.
PRIVATE = re.compile(
    r"/(content|home|mnt|opt|root|tmp|usr|work|context|Users)/|"
    r"[A-Z]:\\|site-packages"
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
    assert {"vision", "your_own_model"} <= names


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


def test_it_opens_with_what_it_shows_and_how_long_it_takes(notebook):
    first = source(notebook["cells"][0])
    assert first.startswith("# ")
    assert re.search(r"takes about \w+ minutes on 2 cores", first)


def test_it_says_nothing_of_how_it_was_run(notebook):
    assert notebook["metadata"].keys() <= {"kernelspec", "language_info"}
    for cell in notebook["cells"]:
        assert cell["metadata"].keys() <= {"tags"}


def test_all_are_set_up_alike():
    cells = {source(code_cells(read(path))[0]) for path in NOTEBOOKS}
    assert len(cells) == 1
    assert cells.pop().startswith("# Set-up:")


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


def test_its_code_needs_only_what_the_demos_install(notebook):
    known = {"IPython", "PIL", "demos", "importlib", "keras", "keras_serf"}
    known |= {"matplotlib", "numpy", "os", "pandas", "pathlib", "textwrap"}
    code = "\n".join(map(source, code_cells(notebook)))
    code = re.sub(r"^( *)[!%].*$", r"\1pass", code, flags=re.MULTILINE)
    imported = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.split(".")[0])
    assert imported <= known
