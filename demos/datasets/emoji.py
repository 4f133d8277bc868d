"""Names of emoji in 14 languages from the package emoji.

Source: https://github.com/carpedm20/emoji, whose files contain the names of
emoji from Unicode's CLDR. Names are short noun phrases, many of which combine
the same words: "woman astronaut medium skin tone".
"""

import json
from collections import Counter
from collections.abc import Sequence

from demos.common.errors import UserError
from demos.datasets import installed
from demos.datasets.languages import UNSPACED, check_languages
from demos.datasets.splits import position
from demos.datasets.types import Pairs, Translation

LANGUAGES = (
    *("ar", "de", "en", "es", "fa", "fr", "id"),
    *("it", "ja", "ko", "pt", "ru", "tr", "zh"),
)
# Release 2.16 of the package has 3,963; Unicode adds some every year.
FEWEST = 3_000
_FOLDER = "unicode_codes"
# Unicode also lists incomplete forms of emoji, and parts such as skin tones. In
# the package, this number marks complete emoji.
_FULLY_QUALIFIED = 2


def load(source: str = "en", target: str = "de") -> Translation:
    """Loads the names, split so that the test has new combinations of words.

    A name is held out only if it has at least two words, and if all its words
    and those of its translation still occur in training pairs. Names are
    considered in the order of a hash of the source (`splits.position`), so the
    split never changes.

    Args:
        source: Source language, one of `LANGUAGES`.
        target: Target language, a different one.

    Returns:
        The dataset: about 80% of the names for training, 10% for validation,
        10% for the test. Each source name occurs once.

    Raises:
        UserError: If a language is unknown, both are the same, or the package
            is missing or has other files.
    """
    check_languages(source, target, LANGUAGES)
    full = _read("en")
    names, translations = (
        full if language == "en" else _read(language)
        for language in (source, target)
    )
    pairs: dict[str, str] = {}
    missing = repeated = 0
    for emoji in full:
        name = names.get(emoji)
        translation = translations.get(emoji)
        if not name or not translation:
            missing += 1
        elif name in pairs:
            repeated += 1
        else:
            pairs[name] = translation
    if len(pairs) < FEWEST:
        raise UserError(
            f"Expected at least {FEWEST} names in {source} and {target} in the "
            f"package emoji. Received: {len(pairs)}; {installed.REMEDY}"
        )
    validation, test = _held_out(list(pairs.items()), source, target)
    held_out = {*validation, *test}
    notes = {
        f"emoji skipped without a name in {source} or {target}": missing,
        f"emoji skipped with a repeated name in {source}": repeated,
        "names held out, new combinations of training words": len(held_out),
    }
    return Translation(
        name="emoji",
        source=source,
        target=target,
        train=Pairs.of(p for p in pairs.items() if p not in held_out),
        validation=Pairs.of(validation),
        test=Pairs.of(test),
        notes=tuple(
            f"{count} {what}" for what, count in notes.items() if count
        ),
    )


def _read(language: str) -> dict[str, str]:
    """Reads emoji -> name; in English, only fully qualified emoji."""
    file = "emoji.json" if language == "en" else f"emoji_{language}.json"
    path = installed.find("emoji", f"{_FOLDER}/{file}", "Names of emoji")
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
        if language == "en":
            names = {
                emoji: entry["en"]
                for emoji, entry in names.items()
                if entry["status"] == _FULLY_QUALIFIED
            }
        # For example ":woman_astronaut:".
        return {
            emoji: " ".join(name.strip(":").replace("_", " ").split())
            for emoji, name in names.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} cannot be read as names of emoji ({error!r}); "
            f"{installed.REMEDY}"
        ) from None


def _held_out(
    pairs: Sequence[tuple[str, str]], source: str, target: str
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Chooses the pairs for validation and test alternately, 10% each."""
    words = {
        pair: {("source", word) for word in _words(pair[0], source)}
        | {("target", word) for word in _words(pair[1], target)}
        for pair in pairs
    }
    # Number of training pairs with a word, which decreases with held-out pairs.
    training = Counter(word for found in words.values() for word in found)
    same_target = Counter(translation for _, translation in pairs)
    held_out: list[tuple[str, str]] = []
    for pair in sorted(pairs, key=lambda pair: position(pair[0])):
        if len(held_out) == 2 * (len(pairs) // 10):
            break
        # If the translation is in training, a model could memorize it.
        if len(_words(pair[0], source)) < 2 or same_target[pair[1]] > 1:
            continue
        if all(training[word] > 1 for word in words[pair]):
            training.subtract(words[pair])
            held_out.append(pair)
    return held_out[::2], held_out[1::2]


def _words(name: str, language: str) -> list[str]:
    return list(name.replace(" ", "")) if language in UNSPACED else name.split()
