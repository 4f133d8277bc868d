"""The user's own file: what is read, left out and refused."""

import pytest

from demos.common.errors import UserError
from demos.datasets import delimited
from demos.datasets.load import load_texts

pytestmark = pytest.mark.once


def write(path, rows, header="text,label"):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def rows_of(labels, count):
    return [
        f"text {label} {i},{label}" for label in labels for i in range(count)
    ]


def test_three_labels_in_fixed_proportions(tmp_path):
    path = write(tmp_path / "mine.csv", rows_of("cab", 20))
    dataset = delimited.load(path, "text", "label")
    assert dataset.name == "mine"
    assert dataset.label_names == ("a", "b", "c")
    assert [
        [split.labels.count(label) for label in range(3)]
        for split in (dataset.train, dataset.validation, dataset.test)
    ] == [[16] * 3, [2] * 3, [2] * 3]
    for split in (dataset.train, dataset.validation, dataset.test):
        for text, label in zip(split.texts, split.labels, strict=True):
            assert text.split()[1] == dataset.label_names[label]
    assert dataset == delimited.load(path, "text", "label")


def test_repeated_and_incomplete_rows_are_left_out_and_counted(tmp_path):
    rows = rows_of("ab", 10)
    repeated = ["text a 0,a", "text a  0,b"]
    incomplete = [",a", "   ,b", "alone,", "NA"]
    path = write(tmp_path / "mine.csv", [*rows, *repeated, *incomplete])
    dataset = delimited.load(path, "text", "label")
    texts = [
        text
        for split in (dataset.train, dataset.validation, dataset.test)
        for text in split.texts
    ]
    assert len(texts) == len(set(texts)) == 20
    assert dataset.notes == (
        "4 of 26 rows skipped: rows with an empty text or label",
        "2 of 26 rows skipped: rows with a repeated text",
    )


def test_tabs_quotes_and_other_columns(tmp_path):
    rows = [f'{i}\t"said ""{i}"", then\nleft"\t{i % 2}' for i in range(40)]
    path = write(tmp_path / "mine.TSV", rows, "id\treview\tstars")
    dataset = load_texts(str(path), "review", "stars")
    assert dataset.label_names == ("0", "1")
    assert any("\n" in text for text in dataset.train.texts)


def test_a_comma_before_a_line_break_is_text(tmp_path):
    rows = [f'"first {i},\nsecond",{i % 2},' for i in range(40)]
    path = write(tmp_path / "mine.csv", rows, "text,label,")
    dataset = delimited.load(path, "text", "label")
    assert len(dataset.train) == 32


def test_repeated_columns_and_words_for_missing_do_no_harm(
    tmp_path,
):
    rows = [f"{row},a,b" for row in [*rows_of("ab", 10), "NA,a", "null,b"]]
    path = tmp_path / "mine.csv"
    lines = ["text,label,x,x", *rows]
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    dataset = delimited.load(path, "text", "label")
    assert dataset.label_names == ("a", "b")
    assert dataset.notes == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"text,label\n", "is empty"),
        (b"text,label\n,\n", "no row with both"),
        (b"review,label\nfine,a\n", "review, label. Received: 'text'"),
        (b"text,stars\nfine,a\n", "text, stars. Received: 'label'"),
        (b"text,label,text\nfine,a,x\n", "one column 'text'.*Received: 2"),
        (b"text,label\nfine,a\ngood,a\n", "'a' only"),
        (b"text,label\nfine,a\ngood,b\n", "at least 10 different texts"),
        (b"text,label\ncaf\xe9,a\n", "not UTF-8"),
        (b'text,label\n"never closed,a\n', "not a table"),
        (b"text,label\na,b,c,d\nx,y\n", "not a table"),
        (b'text,label\na,b\n"c,b\nd,b\ne",b\n', "not closed in data row 2"),
        (b'label,text\na,"c\nb,d\nb,"e" f\n', "mark in or before line 4"),
        (b'text,label\n"Great" film,b\n', "mark in or before line 2"),
        ("text,label\nx,caf\u00e9\ny,cafe\u0301\n".encode(), "'café' only"),
        (b"PK\x03\x04\x00\x00\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_unusable_files(tmp_path, content, says):
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=says) as caught:
        delimited.load(path, "text", "label")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("order", ["text\tlabel\tid", "label\ttext"])
def test_a_quotation_mark_in_tabs_swallows_no_rows(tmp_path, order):
    rows = []
    for i in range(200):
        text = {20: '"open', 22: 'shut"'}.get(i, f"text {i}")
        row = {"text": text, "label": f"{i % 2}", "id": f"{i}"}
        rows.append("\t".join(row[name] for name in order.split("\t")))
    path = write(tmp_path / "mine.tsv", rows, order)
    with pytest.raises(UserError, match="not closed in data row 21"):
        load_texts(str(path))


def test_one_column_cannot_be_both(tmp_path):
    path = write(tmp_path / "mine.csv", rows_of("ab", 10))
    with pytest.raises(UserError, match="to differ"):
        delimited.load(path, "text", "text")
