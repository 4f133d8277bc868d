"""Finds data in an installed package without importing the package."""

import importlib.util
from pathlib import Path

from demos.common.errors import UserError

REMEDY = 'install it with: pip install -e ".[demos]"'


def find(package: str, file: str, content: str, version: str = "") -> Path:
    """Finds a file of a package, without the slow import of the package.

    Args:
        package: Import name of the package.
        file: Path in the folder of the package.
        content: Content of the file, in the plural, for the error.
        version: Required release, such as `"==0.1.0.0"`; "" for any.

    Raises:
        UserError: If the package or the file is not found.
    """
    spec = importlib.util.find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder, file)
        if path.is_file():
            return path
    raise UserError(
        f"{content} are in the package {package}{version}, which was not found "
        f"or lacks {file}; {REMEDY}"
    )
