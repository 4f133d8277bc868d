"""Sentence pairs from the user, in a TSV file."""

import codecs
import re
import unicodedata
from collections import Counter
from pathlib import Path

from demos.common.errors import UserError
from demos.common.files import is_regular
from demos.common.text import one_line
from demos.datasets.splits import position
from demos.datasets.types import Pairs, Translation

FEWEST = 20
LONGEST = 1_000
_NO_TEXT, _NO_TAB = "that are not UTF-8 text", "without a tab"


def load(path: Path, source: str, target: str) -> Translation:
    """Loads a UTF-8 file of lines `sentence<TAB>translation`, without header.

    Further columns, such as the author of a translation, are ignored. Quotes
    are part of the text. All translations of a sentence are in one split:
    sentences are sorted by a hash (`splits.position`); the first 80% are for
    training, the next 10% for validation, the last 10% for the test.

    Args:
        path: The file.
        source: Language of the first column.
        target: Language of the second column.

    Returns:
        The dataset, named after the file. Its notes count the skipped lines:
        those without two columns, with a
        carriage return inside, with an empty column, not in UTF-8, repeated,
        or with more than 1,000 characters on a side.

    Raises:
        UserError: If the file is missing, empty, not UTF-8 or not readable; if
            it has no tab, or fewer than 20 different sentences with a
            translation; or if a language cannot be part of a folder name.
    """
    for flag, language in (("source", source), ("target", target)):
        if not re.fullmatch(r"[\w-]+", language):
            raise UserError(
                f"Expected --{flag} to consist of letters, digits, - and _. "
                f"Received: {language!r}"
            )
    pairs, lines, left_out = _read(path)
    sentences = sorted(
        {sentence for sentence, _ in pairs},
        key=lambda sentence: (position(sentence), sentence),
    )
    if not pairs and left_out[_NO_TEXT]:
        raise UserError(f"{path} is not UTF-8 text; save it as UTF-8")
    if left_out[_NO_TAB] == lines:
        raise UserError(
            f"No line of {path} has a tab between a sentence and its "
            f"translation ({lines} lines read)"
        )
    if len(sentences) < FEWEST:
        raise UserError(
            f"Expected at least {FEWEST} different sentences with a "
            f"translation, as lines sentence<TAB>translation, in {path}. "
            f"Received: {len(sentences)} in {lines} lines"
        )
    tenth = len(sentences) // 10
    split_of = {
        **dict.fromkeys(sentences, "train"),
        **dict.fromkeys(sentences[-2 * tenth :], "validation"),
        **dict.fromkeys(sentences[-tenth:], "test"),
    }
    train, validation, test = (
        Pairs.of(pair for pair in pairs if split_of[pair[0]] == split)
        for split in ("train", "validation", "test")
    )
    return Translation(
        one_line(path.stem),
        source,
        target,
        train,
        validation,
        test,
        notes=tuple(
            f"{count} of {lines} lines skipped: lines {what}"
            for what, count in left_out.items()
            if count
        ),
    )


def _read(path: Path) -> tuple[list[tuple[str, str]], int, Counter[str]]:
    """Returns the pairs, the number of lines, and counts of skipped lines."""
    if not is_regular(path):
        raise UserError(f"Expected --dataset to be a file. Received: {path}")
    # A dictionary keeps the order, and each pair once.
    pairs: dict[tuple[str, str], None] = {}
    left_out: Counter[str] = Counter()
    lines = 0
    try:
        with path.open("rb") as file:
            for lines, line in enumerate(file, 1):
                if lines == 1:
                    line = line.removeprefix(codecs.BOM_UTF8)
                pair = _parse(line)
                if isinstance(pair, str):
                    left_out[pair] += 1
                elif pair in pairs:
                    left_out["with a repeated pair"] += 1
                else:
                    pairs[pair] = None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    if not lines:
        raise UserError(f"{path} is empty")
    return list(pairs), lines, left_out


def _parse(line: bytes) -> tuple[str, str] | str:
    """Returns the pair in a line, or the reason to skip it."""
    try:
        columns = line.decode().split("\t")
    except UnicodeDecodeError:
        return _NO_TEXT
    if b"\r" in line.rstrip(b"\r\n"):
        return "with a carriage return inside"
    # In UTF-16, every second byte of ASCII is zero, which is valid UTF-8.
    if "\0" in "".join(columns[:2]):
        return _NO_TEXT
    if len(columns) < 2:
        return _NO_TAB
    # NFC, like the subwords: some systems store letters and accents separately.
    sentence, translation = (
        unicodedata.normalize("NFC", column.strip()) for column in columns[:2]
    )
    if not sentence or not translation:
        return "with an empty side"
    if max(len(sentence), len(translation)) > LONGEST:
        return f"with more than {LONGEST:,} characters on a side"
    return sentence, translation
