"""Data inside an installed package, found without importing the package."""

import importlib.util
from pathlib import Path

from demos.common.errors import UserError

REMEDY = 'install it with: pip install -e ".[demos]"'


def find(package: str, file: str, content: str, version: str = "") -> Path:
    """Finds a file of a package, without the slow import of the package.

    Args:
        package: Name that the package is imported by.
        file: Path in the package's folder.
        content: What the file holds, in the plural, for the error.
        version: Which release holds it, such as `"==0.1.0.0"`; "" for any.

    Raises:
        UserError: The package, or the file in it, was not found.
    """
    spec = importlib.util.find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder, file)
        if path.is_file():
            return path
    raise UserError(
        f"{content} are inside the package {package}{version}, which was not "
        f"found or lacks {file}; {REMEDY}"
    )
