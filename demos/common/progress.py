"""Log lines and progress bars, in terminals and notebooks."""

import sys
from typing import Any

from tqdm import tqdm

from demos.common.text import printable


def in_notebook() -> bool:
    """Returns whether a Jupyter kernel runs this process."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


def log(line: str) -> None:
    """Prints a line on stderr, above any progress bar.

    In a notebook, it uses stdout, because stderr would look like an error.
    """
    tqdm.write(
        printable(line), file=sys.stdout if in_notebook() else sys.stderr
    )


def print_line(line: str) -> None:
    """Prints a line with text from the data, escaped for a terminal."""
    print(printable(line))


def progress_bar(total: int | None, unit: str, **options: Any) -> tqdm:
    """Creates a progress bar, shown only in a terminal or a notebook.

    Args:
        total: Number of units, or None if it is not known yet
            (`bar.reset(total)` sets it).
        unit: Unit in the plural, such as `"epochs"`.
        **options: Additional arguments of `tqdm.tqdm`, such as `desc`.

    Returns:
        The bar, a context manager. If `disable` is true, it is not shown.
    """
    notebook = in_notebook()
    return tqdm(
        total=total,
        file=_NotebookLine() if notebook else sys.stderr,
        disable=total == 0 or not (notebook or sys.stderr.isatty()),
        dynamic_ncols=True,
        leave=notebook,
        bar_format=(
            f"{{desc}} {{bar}} {{n_fmt}}/{{total_fmt}} {unit}, "
            "{remaining} left{postfix}"
        ),
        **options,
    )


class _NotebookLine:
    """A file for tqdm: a line of a notebook's output, replaced in place."""

    def __init__(self) -> None:
        from IPython.display import display  # Only a notebook needs it.

        self._handle: Any = display(
            {"text/plain": ""}, raw=True, display_id=True
        )

    def write(self, text: str) -> None:
        line = text.strip("\r\n ")
        if line:
            self._handle.update({"text/plain": line}, raw=True)

    def flush(self) -> None:
        pass
