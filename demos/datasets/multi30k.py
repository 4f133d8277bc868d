"""30,000 captions of photographs in English, German, French and Czech.

Source: Elliott et al., "Multi30K: Multilingual English-German Image
Descriptions", 2016, https://arxiv.org/abs/1605.00459: the raw files of task 1
at https://github.com/multi30k/dataset, translations of one caption per image.
The SHA-256 digests are those of the files in that repository.
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
# Number of lines of each file. The first three are required.
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
    """Loads the captions: the official splits, and the two tests of 2017.

    Args:
        source: Source language, one of `LANGUAGES`.
        target: Target language, a different one.
        data_dir: Folder with the files, such as `train.de.gz`, or the unpacked
            `train.de`. By default, they are downloaded once to the cache of
            Keras (1.4 MB).
        digests: Expected SHA-256 of each `.gz` file, by name.

    Returns:
        The dataset. Its test split is that of 2016. Captions of a test split
        are excluded from validation, and captions of both from training. The
        notes give their numbers, and name missing tests of 2017.

    Raises:
        UserError: If a language is unknown, both are the same, or a file is
            missing, wrong, damaged or incomplete.
    """
    check_languages(source, target, LANGUAGES)
    notes: list[str] = []
    parts: dict[str, Pairs] = {}
    names = {
        part: [f"{part}.{language}.gz" for language in (source, target)]
        for part in LINES
    }
    needed = ", ".join(name for part in REQUIRED for name in names[part])
    for part in LINES:
        try:
            paths = [_find(name, data_dir, digests) for name in names[part]]
        except _MissingError as error:
            if part in REQUIRED:
                raise UserError(
                    f"{error}; needed in one folder, packed or unpacked: "
                    f"{needed} from {URL}. "
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
    """A file is missing, which is an error only if it is required."""


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
    raise _MissingError(f"{name} is not in the folder of --data-dir")


def _read(part: str, paths: list[Path], notes: list[str]) -> Pairs:
    """Reads the pairs of two files; adds problems to the notes."""
    sources, targets = (_read_lines(path) for path in paths)
    if len(sources) != len(targets):
        raise UserError(
            f"Expected {paths[0]} and {paths[1]} to have the same number of "
            f"lines. Received: {len(sources)} and {len(targets)}; download "
            f"both again from {URL}"
        )
    if len(sources) != LINES[part]:
        notes.append(
            f"{part} has {len(sources)} pairs instead of {LINES[part]}"
        )
    pairs = [pair for pair in zip(sources, targets, strict=True) if all(pair)]
    if not pairs:
        raise UserError(
            f"Expected captions in {paths[0]} and {paths[1]}. Received: none; "
            f"download both again from {URL}"
        )
    if len(pairs) < len(sources):
        notes.append(
            f"{len(sources) - len(pairs)} {part} pairs with an empty side "
            "skipped"
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
    text = unicodedata.normalize("NFC", text)  # Like the subwords.
    # Not splitlines(), which also splits at characters inside a caption.
    return [line.strip() for line in text.removesuffix("\n").split("\n")]


def _without(
    pairs: Pairs, taken: set[str], name: str, notes: list[str]
) -> Pairs:
    """Removes pairs whose source is taken, and notes their number."""
    kept = pairs.take(
        [i for i, source in enumerate(pairs.sources) if source not in taken]
    )
    where = "a test" if name == "validation" else "validation or a test"
    if len(kept) < len(pairs):
        notes.append(
            f"{len(pairs) - len(kept)} {name} pairs skipped because the source "
            f"is also in {where}"
        )
    if not kept:
        raise UserError(
            f"Expected {name} pairs whose source is not in {where}. "
            "Received: none"
        )
    return kept
