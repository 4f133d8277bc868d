"""The command line: `python -m demos` lists the demos and runs one."""

import importlib
import sys
from collections.abc import Sequence

from demos.errors import UserError

# Name of each command, the module whose `main(arguments)` runs it, and what it
# does in one line. The modules are imported only to be run.
COMMANDS = {
    "sentiment": (
        "demos.sentiment",
        "Is a film review good or bad? A small Transformer, one activation "
        "against another",
    ),
    "functions": (
        "demos.functions",
        "Draw Serf and its derivative beside ReLU, GELU, SiLU and Mish",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: Name of the command and its own arguments; those of the
            process by default.

    Returns:
        The exit code: 0, 2 when the input is at fault, 130 when interrupted,
        1 when the command could not do its work.
    """
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if name in ("", "-h", "--help"):
        print(_listing())
        return 0
    try:
        if name not in COMMANDS:
            raise UserError(
                f"Expected a demo: {', '.join(COMMANDS)}. Received: {name!r}"
            )
        command = importlib.import_module(COMMANDS[name][0])
        return command.main(rest) or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "interrupted: finished trials are kept; the same command goes on "
            "from there",
            file=sys.stderr,
        )
        return 130


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
