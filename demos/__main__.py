"""The command line: `python -m demos` lists the demos and runs one."""

import importlib
import os
import sys
from collections.abc import Sequence

from demos.common.errors import UserError

# Name of each command, the module whose `main(arguments)` runs it, and a
# one-line description. A module is imported only when it runs.
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
        "Image classification: small networks or Keras Applications",
    ),
    "detection": (
        "demos.tasks.detection.options",
        "Object detection: a small detector, scored by mAP",
    ),
    "ablation": (
        "demos.tasks.ablation.options",
        "Ablation: layers, width, optimizer, ..., one study for each",
    ),
    "summary": (
        "demos.tasks.summary.options",
        "Summary: the verdicts of all your studies on one page",
    ),
    "functions": (
        "demos.notebooks.functions",
        "Plot of Serf, its derivatives and other activations",
    ),
    "accuracy": (
        "demos.benchmarks.accuracy.options",
        "Accuracy of Serf: maximum errors in ulps, on every backend",
    ),
    "cost": (
        "demos.benchmarks.cost.options",
        "Cost: time and memory, compared with other activations",
    ),
    "export": (
        "demos.benchmarks.export.options",
        "Export: models in every format, run in every runtime",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: Name of the command and its arguments; by default those of
            the process.

    Returns:
        The exit code: 0; 1 if the command failed; 2 if the input is invalid;
        130 if it was interrupted; 141 if its output pipe was closed.
    """
    _prepare_output()
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    try:
        try:
            return _run(name, rest)
        finally:
            print(end="", flush=True)  # Raises here if writing fails.
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
    except KeyboardInterrupt as stop:  # The message may say what is kept.
        print(": ".join(["interrupted", *map(str, stop.args)]), file=sys.stderr)
        return 130


def _prepare_output() -> None:
    """Discards output to closed streams, and makes all text encodable."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # Closed by the shell: 2>&-.
            stream = open(os.devnull, "w")  # noqa: SIM115 - open until exit.
            setattr(sys, name, stream)
        if hasattr(stream, "reconfigure"):  # Not available in every notebook.
            stream.reconfigure(errors="backslashreplace")


def _unwritten(error: OSError) -> int:
    """Returns the exit code of a command that cannot write or read a file."""
    try:
        print(flush=True)  # Fails again, if it was stdout that failed.
    except OSError:
        # At exit, Python would try to write the rest again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        if error.filename is None:
            raise error
        print(f"error: {UserError(str(error))}", file=sys.stderr)
        return 2
    if isinstance(error, BrokenPipeError):
        return 141  # The shell's code for SIGPIPE: 128 + 13.
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
