"""1,400 pairs of tweets with images: does the first imply the second?

Source: the recognizing multimodal entailment dataset of Google Research, as
published at https://github.com/sayakpaul/Multimodal-Entailment-Baseline and
used by https://keras.io/examples/nlp/multimodal_entailment/. The table is
checked against its known digest. No digest is known for the images, so the
digest of the first archive is kept, and a different archive is rejected later.
"""

from collections.abc import Mapping
from pathlib import Path

from demos.common.errors import UserError
from demos.common.files import digest, is_regular, read_text
from demos.datasets import posts
from demos.datasets.download import check_digest, fetch, unpack
from demos.datasets.types import Entailment

HOME = "https://github.com/sayakpaul/Multimodal-Entailment-Baseline"
TABLE, ARCHIVE, FOLDER = "tweets.csv", "tweet_images.tar.gz", "tweet_images"
TABLE_URL = f"{HOME}/raw/main/csvs/{TABLE}"
ARCHIVE_URL = f"{HOME}/releases/download/v1.0.0/{ARCHIVE}"
SHA256 = "9b545c03122d56dd8400877de4eef2c4a7e053ecfc29d1e32045feb6c3073ef9"


def load(data_dir: Path | None = None, sha256: str = SHA256) -> Entailment:
    """Loads the tweets.

    Args:
        data_dir: Folder with `tweets.csv` and `tweet_images.tar.gz`, or its
            unpacked folder `tweet_images`. By default, both files are
            downloaded once to the cache of Keras.
        sha256: Expected digest of the table.

    Returns:
        The dataset, split by label: 10% test, 5% of the rest validation. Its
        notes count the missing images.

    Raises:
        UserError: If a file is missing or wrong, or no image is found.
    """
    table, folder = _files(data_dir, sha256)
    dataset = posts.load(table, folder=folder, image_path=_image_path)
    train = (*dataset.train.premises, *dataset.train.hypotheses)
    if all(post.picture is None for post in train):
        raise UserError(
            f"Expected {folder} to have images such as ID.jpg. "
            "Received: none of those in tweets.csv"
        )
    return dataset


def _image_path(row: Mapping[str, str], side: int) -> str:
    """Returns the name of the file: the id and the suffix of the URL."""
    ending = row[f"image_{side}"].rpartition(".")[2]
    return f"{row[f'id_{side}']}.{ending}"


def _files(data_dir: Path | None, sha256: str) -> tuple[Path, Path]:
    if data_dir is None:
        table = fetch(TABLE, TABLE_URL, sha256, folder="datasets/tweets")
        archive = fetch(ARCHIVE, ARCHIVE_URL, None, folder="datasets/tweets")
    else:
        table, archive = data_dir / TABLE, data_dir / ARCHIVE
        if not table.is_file():
            raise UserError(
                f"Expected --data-dir to have {TABLE}. Received: {data_dir}; "
                f"download it from {TABLE_URL}"
            )
        check_digest(table, sha256, "sha256", TABLE_URL)
    folder = archive.with_name(FOLDER)
    if not folder.is_dir():
        if not archive.is_file():
            raise UserError(
                f"Expected {archive.parent} to have {ARCHIVE} or the folder "
                f"{FOLDER}. Received: neither; download it from {ARCHIVE_URL}"
            )
        # The digest of the first archive that was unpacked.
        first = archive.with_name(f"{ARCHIVE}.sha256")
        if is_regular(first) and (words := read_text(first).split()):
            check_digest(archive, words[0], "sha256", ARCHIVE_URL)
        unpack(archive, FOLDER, ARCHIVE_URL)
        first.write_text(f"{digest(archive)}  {ARCHIVE}\n")
    return table, folder
