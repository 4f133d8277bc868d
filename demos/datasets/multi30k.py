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
from demos.datasets.download import check_digest
from demos.datasets.download import fetch
from demos.datasets.languages import check_languages
from demos.datasets.types import Pairs
from demos.datasets.types import Translation

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
SHA256 = {
    "test_2016_flickr.cs.gz": (
        "200a4a74cc9560f051924abb9803be008d1908d77f747e9141aeb86dfd2797f1"
    ),
    "test_2016_flickr.de.gz": (
        "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8"
    ),
    "test_2016_flickr.en.gz": (
        "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9"
    ),
    "test_2016_flickr.fr.gz": (
        "6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90"
    ),
    "test_2017_flickr.de.gz": (
        "a2c89666db00c495cd8513b9d708d5a3acc205d7de312ef2bf5fb7ebc1540aee"
    ),
    "test_2017_flickr.en.gz": (
        "76a444ee25172e72695cddb13ae4a3bda59430617be88e0bb46b60504f054074"
    ),
    "test_2017_flickr.fr.gz": (
        "3ba671ceb2299f3304ffafefea7a833d08632fbaf0ba18546f8a2ec2391af496"
    ),
    "test_2017_mscoco.de.gz": (
        "799e4854c25d601cb6cb6be29eabe5667734c61ace2f495e03e429031a0bc338"
    ),
    "test_2017_mscoco.en.gz": (
        "aab300bfb4427697987e02cd0aacd44bfe8aa50456231b6474c08038bbed2b58"
    ),
    "test_2017_mscoco.fr.gz": (
        "754f3072ba9f124569ba5258b32730fc1d214bbf8e0c6dfb2b74401676220db0"
    ),
    "train.cs.gz": (
        "a65adb8b32e3bc664f21ecba7a6e7f6950fd1f405e135f7c312faabdb6255077"
    ),
    "train.de.gz": (
        "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6"
    ),
    "train.en.gz": (
        "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f"
    ),
    "train.fr.gz": (
        "622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c"
    ),
    "val.cs.gz": (
        "b63226e05c4bd5dd6a42897d74b86a1b9d2c31498252c572b1ea7f7996927fcc"
    ),
    "val.de.gz": (
        "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a"
    ),
    "val.en.gz": (
        "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28"
    ),
    "val.fr.gz": (
        "ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9"
    ),
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
