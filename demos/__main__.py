"""The command line: `python -m demos` lists the demos and runs one."""

import importlib
import os
import sys
from collections.abc import Sequence

from demos.common.errors import UserError

# Name of each command, the module whose `main(arguments)` runs it, and what it
# does in one line. The modules are imported only to be run.
COMMANDS = {
    "sentiment": (
        "demos.tasks.sentiment.options",
        "Sentiment of film reviews: a small Transformer encoder",
    ),
    "translation": (
        "demos.tasks.translation.options",
        "Machine translation: a small Transformer, scored by BLEU",
    ),
    "entailment": (
        "demos.tasks.entailment.options",
        "Multimodal entailment: does one post imply another?",
    ),
    "classification": (
        "demos.tasks.classification.options",
        "Image classification: networks of any kind and depth",
    ),
    "detection": (
        "demos.tasks.detection.options",
        "Object detection: a small detector, scored by mAP",
    ),
    "ablation": (
        "demos.tasks.ablation.options",
        "Ablation: layers, width, optimizer, ... one after the other",
    ),
    "summary": (
        "demos.tasks.summary.options",
        "Summary: the verdicts of all your studies on one page",
    ),
    "functions": (
        "demos.notebooks.functions",
        "Plot of Serf and its derivatives beside other activations",
    ),
    "accuracy": (
        "demos.benchmarks.accuracy.options",
        "Accuracy of Serf: largest errors in ulps, on every backend",
    ),
    "cost": (
        "demos.benchmarks.cost.options",
        "Cost: time and memory beside other activations",
    ),
    "export": (
        "demos.benchmarks.export.options",
        "Export: models in every format, run in every runtime",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: Name of the command and its own arguments; those of the
            process by default.

    Returns:
        The exit code: 0, 2 when the input is at fault, 130 when interrupted,
        141 when nobody reads its output on, 1 when the command could not do
        its work.
    """
    _prepare_output()
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    try:
        try:
            return _run(name, rest)
        finally:
            print(end="", flush=True)  # So that its failure is met here.
    except OSError as error:
        return _unwritten(error)


def _run(name: str, rest: Sequence[str]) -> int:
    if name in ("", "-h", "--help"):
        print(_listing())
        return 0
    try:
        if name not in COMMANDS:
            raise UserError(
                f"Expected a demo: {', '.join(COMMANDS)}. Received: {name!r}"
            )
        module = importlib.import_module(COMMANDS[name][0])
        return getattr(module, "DEMO", module).main(rest)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except MemoryError:
        print("error: out of memory; choose smaller sizes", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:  # A command may say what is kept.
        print(": ".join(["interrupted", *map(str, stop.args)]), file=sys.stderr)
        return 130


def _prepare_output() -> None:
    """Discards what is printed where nothing is open; encodes all of it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # Closed by the shell: 2>&-.
            stream = open(os.devnull, "w")  # noqa: SIM115 - until the end.
            setattr(sys, name, stream)
        if hasattr(stream, "reconfigure"):  # Not in every notebook.
            stream.reconfigure(errors="backslashreplace")


def _unwritten(error: OSError) -> int:
    """Ends a command that cannot write, or reach a file; raises the rest."""
    try:
        print(flush=True)  # Fails again, if it was stdout that failed.
    except OSError:
        # Python would try once more, at its end, to write what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        if error.filename is None:
            raise error
        print(f"error: {UserError(str(error))}", file=sys.stderr)
        return 2
    if isinstance(error, BrokenPipeError):
        return 141  # As the shell says of who is ended by SIGPIPE: 128 + 13.
    print(
        f"error: the output cannot be written: {error.strerror}",
        file=sys.stderr,
    )
    return 1


def _listing() -> str:
    width = max(map(len, COMMANDS))
    lines = [
        f"  {name:{width}}  {line}" for name, (_, line) in COMMANDS.items()
    ]
    return "\n".join(
        [
            "usage: python -m demos DEMO [options]",
            "",
            *lines,
            "",
            "python -m demos DEMO --help explains its options.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
