"""50,000 film reviews from IMDB, positive or negative.

Source: Maas et al., "Learning Word Vectors for Sentiment Analysis", ACL 2011,
https://ai.stanford.edu/~amaas/data/sentiment/. The MD5 digest of the archive is
from torchtext.
"""

from pathlib import Path

from demos.common.errors import UserError
from demos.datasets.download import check_digest, fetch, unpack
from demos.datasets.splits import stratified
from demos.datasets.types import Split, TextClassification

URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
ARCHIVE = "aclImdb_v1.tar.gz"
FOLDER = "aclImdb"
MD5 = "7c2ac02c03563afcf9b574c7e56c153a"
LABEL_NAMES = ("neg", "pos")


def load(data_dir: Path | None = None, md5: str = MD5) -> TextClassification:
    """Loads the official test split; validation is 10% of the training split.

    Args:
        data_dir: Folder with `aclImdb_v1.tar.gz` or its unpacked folder
            `aclImdb`. By default, the archive is downloaded once to the cache
            of Keras (80 MB).
        md5: Expected digest of the archive.

    Returns:
        The dataset. Reviews that are repeated or in the test split are excluded
        from training and validation.

    Raises:
        UserError: If the archive is missing or a different file, or a review
            cannot be read.
    """
    folder = _folder(data_dir, md5)
    train, test = (_read(folder / part) for part in ("train", "test"))
    seen = set(test)
    fresh = {text: label for text, label in train.items() if text not in seen}
    kept, validation = stratified(
        Split(tuple(fresh), tuple(fresh.values())),
        (0.9, 0.1),
        LABEL_NAMES,
        ARCHIVE,
        "texts",
    )
    return TextClassification(
        name="imdb",
        label_names=LABEL_NAMES,
        train=kept,
        validation=validation,
        test=Split(tuple(test), tuple(test.values())),
        notes=(f"{len(train) - len(fresh)} training reviews also in the test",),
    )


def _folder(data_dir: Path | None, md5: str) -> Path:
    if data_dir is None:
        archive = fetch(ARCHIVE, URL, md5, "md5")
    elif (data_dir / FOLDER).is_dir():
        return data_dir / FOLDER
    else:
        archive = data_dir / ARCHIVE
        if not archive.is_file():
            raise UserError(
                f"Expected --data-dir to have {ARCHIVE} or the folder "
                f"{FOLDER}. Received: {data_dir}"
            )
    folder = archive.parent / FOLDER
    if not folder.is_dir():
        check_digest(archive, md5, "md5", URL)
        unpack(archive, FOLDER, URL)
    return folder


def _read(folder: Path) -> dict[str, int]:
    """Reads text -> label; a repeated text keeps its first label."""
    found: dict[str, int] = {}
    for label, name in enumerate(LABEL_NAMES):
        for path in sorted((folder / name).glob("*.txt")):
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise UserError(
                    f"{path} cannot be read as UTF-8 text: {error}; delete "
                    f"the folder {FOLDER} and unpack the archive again"
                ) from None
            found.setdefault(text.replace("<br />", " "), label)
    if not found:
        raise UserError(
            f"Expected reviews as .txt files in {folder}/pos and {folder}/neg. "
            "Received: none; delete the folder and unpack the archive again"
        )
    return found
