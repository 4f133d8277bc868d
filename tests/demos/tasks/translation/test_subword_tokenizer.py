"""Sub-words: nothing is lost, nothing is foreign."""

import pytest

from demos.tasks.translation import subword_tokenizer as subwords

TEXTS = ["Two dogs run.", "Two cats run, and a dog sleeps.", "A löwe sleeps."]


@pytest.fixture(scope="module")
def tokenizer():
    return subwords.learn(TEXTS, 320)


@pytest.mark.parametrize(
    "text",
    [
        *TEXTS,
        "",
        "a  b",
        "naïve – „Zitat“ (so)!",
        "日本語、中文",
        "[END] is text",
        "🦙 llama",
    ],
)
def test_decoding_gives_the_text_back(tokenizer, text):
    rows = subwords.encode(tokenizer, [text])
    assert subwords.decode(tokenizer, rows) == [text]
    assert not set(rows[0]) & {subwords.PADDING, subwords.START, subwords.END}


def test_a_word_reads_the_same_at_the_head_of_a_text(tokenizer):
    head, within = subwords.encode(tokenizer, ["dogs", "a dogs"])
    assert within[-len(head) :] == head


def test_frequent_words_are_one_sub_word(tokenizer):
    assert len(subwords.encode(tokenizer, ["run"])[0]) == 1
    assert tokenizer.get_vocab_size() <= 320


def test_special_tokens_are_not_shown(tokenizer):
    row = subwords.encode(tokenizer, ["Two dogs"])[0]
    special = [subwords.START, *row, subwords.END, subwords.PADDING]
    assert subwords.decode(tokenizer, [special]) == ["Two dogs"]


def test_bytes_that_are_no_text_do_not_fail(tokenizer):
    row = subwords.encode(tokenizer, ["é"])[0]
    assert "�" in subwords.decode(tokenizer, [row[:-1]])[0]


def test_a_saved_tokenizer_reads_the_same(tokenizer):
    from tokenizers import Tokenizer

    again = Tokenizer.from_str(tokenizer.to_str())
    texts = ["[END] Two dogs"]
    assert subwords.encode(again, texts) == subwords.encode(tokenizer, texts)
