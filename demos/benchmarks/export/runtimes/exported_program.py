"""Exported programs in PyTorch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


def load(path: Path) -> Callable[[Any], Any]:
    """Loads an exported program of one input and one output."""
    module = torch.export.load(path).module()

    def run(x: Any) -> Any:
        with torch.no_grad():
            return module(torch.from_numpy(x)).numpy()

    return run
