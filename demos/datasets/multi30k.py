"""30,000 captions of photographs in English, German, French and Czech.

Source: Elliott et al., "Multi30K: Multilingual English-German Image
Descriptions", 2016, https://arxiv.org/abs/1605.00459; the raw files of its task
1 at https://github.com/multi30k/dataset, translations of one caption an image.
The SHA-256 digests are of the files in that repository.
"""

import gzip
import unicodedata
import zlib
from collections.abc import Mapping
from pathlib import Path

from demos.common.errors import UserError
from demos.datasets.download import check_digest, fetch
from demos.datasets.languages import check_languages
from demos.datasets.types import Pairs, Translation

URL = (
    "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/"
)
LANGUAGES = ("cs", "de", "en", "fr")
# How many lines each file has; the first three are required.
LINES = {
    "train": 29_000,
    "val": 1_014,
    "test_2016_flickr": 1_000,
    "test_2017_flickr": 1_000,
    "test_2017_mscoco": 461,
}
REQUIRED = ("train", "val", "test_2016_flickr")
# Published files and their digests, in the format of sha256sum.
_DIGESTS = Path(__file__).with_name("multi30k.sha256")
SHA256 = {
    name: digest
    for digest, name in map(str.split, _DIGESTS.read_text("utf-8").splitlines())
}


def load(
    source: str = "de",
    target: str = "en",
    data_dir: Path | None = None,
    digests: Mapping[str, str] = SHA256,
) -> Translation:
    """Loads the captions: the official splits, and the tests of 2017 besides.

    Args:
        source: Language translated from, one of `LANGUAGES`.
        target: Language translated to, another one.
        data_dir: Folder that holds the files, such as `train.de.gz`, or what
            they unpack to, `train.de`. Without it they are downloaded, once,
            to Keras' own cache (1.4 MB).
        digests: SHA-256 that each `.gz` file must have, by its name.

    Returns:
        The dataset. Its test is that of 2016. Captions of a test are
        left out of validation, and those of either are left out of training.
        Its notes count them, and say which test of 2017 is missing.

    Raises:
        UserError: A language is unknown, both are the same, or a file is
            missing, another one, damaged, or lacks lines.
    """
    check_languages(source, target, LANGUAGES)
    notes: list[str] = []
    parts: dict[str, Pairs] = {}
    for part in LINES:
        names = [f"{part}.{language}.gz" for language in (source, target)]
        try:
            paths = [_find(name, data_dir, digests) for name in names]
        except _MissingError as error:
            if part in REQUIRED:
                needed = (
                    f"{part}.{language}.gz"
                    for part in REQUIRED
                    for language in (source, target)
                )
                raise UserError(
                    f"{error}; needed in one folder, packed or unpacked: "
                    f"{', '.join(needed)} from {URL}. "
                    f"Received: {data_dir or 'no --data-dir'}"
                ) from None
            notes.append(f"{part} is not scored: {error}")
            continue
        parts[part] = _read(part, paths, notes)
    tests = [part for part in parts if part.startswith("test")]
    tested = {text for part in tests for text in parts[part].sources}
    validation = _without(parts["val"], tested, "validation", notes)
    train = _without(
        parts["train"], tested | {*parts["val"].sources}, "training", notes
    )
    return Translation(
        name="multi30k",
        source=source,
        target=target,
        train=train,
        validation=validation,
        test=parts["test_2016_flickr"],
        further_tests={part: parts[part] for part in tests[1:]},
        notes=tuple(notes),
    )


class _MissingError(UserError):
    """A file is not there, which is no fault where it is not required."""


def _find(name: str, data_dir: Path | None, digests: Mapping[str, str]) -> Path:
    if name not in digests:
        raise _MissingError(f"there is no {name}")
    if data_dir is None:
        try:
            return fetch(
                name, URL + name, digests[name], "sha256", "datasets/multi30k"
            )
        except UserError as error:
            raise _MissingError(str(error)) from None
    packed, unpacked = data_dir / name, data_dir / name.removesuffix(".gz")
    if packed.is_file():
        check_digest(packed, digests[name], "sha256", URL + name)
        return packed
    if unpacked.is_file():
        return unpacked
    raise _MissingError(f"{name} is not in the folder that --data-dir names")


def _read(part: str, paths: list[Path], notes: list[str]) -> Pairs:
    """Reads the pairs of two files; adds what is amiss to the notes."""
    sources, targets = (_read_lines(path) for path in paths)
    if len(sources) != len(targets):
        raise UserError(
            f"Expected {paths[0]} and {paths[1]} to have as many lines. "
            f"Received: {len(sources)} and {len(targets)}; download both again "
            f"from {URL}"
        )
    if len(sources) != LINES[part]:
        notes.append(
            f"{part} has {len(sources)} pairs, not the {LINES[part]} published"
        )
    pairs = [pair for pair in zip(sources, targets, strict=True) if all(pair)]
    if not pairs:
        raise UserError(
            f"Expected captions in {paths[0]} and {paths[1]}. Received: none; "
            f"download both again from {URL}"
        )
    if len(pairs) < len(sources):
        notes.append(
            f"{len(sources) - len(pairs)} {part} pairs with an empty side left "
            "out"
        )
    return Pairs.of(pairs)


def _read_lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        text = content.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} cannot be read as UTF-8 text ({error}); download it again "
            f"from {URL}"
        ) from None
    text = unicodedata.normalize("NFC", text)  # As the subwords are.
    # Not splitlines(), which also splits at characters inside a caption.
    return [line.strip() for line in text.removesuffix("\n").split("\n")]


def _without(
    pairs: Pairs, taken: set[str], name: str, notes: list[str]
) -> Pairs:
    """Leaves out the pairs whose source is taken; adds a note of how many."""
    kept = pairs.take(
        [i for i, source in enumerate(pairs.sources) if source not in taken]
    )
    where = "a test" if name == "validation" else "validation or a test"
    if len(kept) < len(pairs):
        notes.append(
            f"{len(pairs) - len(kept)} {name} pairs left out whose source is "
            f"also in {where}"
        )
    if not kept:
        raise UserError(
            f"Expected {name} pairs of which the source is not in {where}. "
            "Received: none"
        )
    return kept
