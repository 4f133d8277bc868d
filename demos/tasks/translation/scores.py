"""Translation scores: BLEU and chrF by sacreBLEU."""

from collections.abc import Sequence

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from demos.datasets.languages import base_language

# sacreBLEU's tokenizers for languages that are written without spaces.
TOKENIZERS = {"ja": "char", "zh": "zh"}


def translation_scores(
    translations: Sequence[str], references: Sequence[str], target: str
) -> dict[str, float]:
    """Computes scores of detokenized translations.

    Chinese and Japanese are tokenized into characters, all other `target`
    languages by sacreBLEU's default rules (13a).

    Returns:
        `bleu` and `chrf` (case-sensitive) and `bleu_lowercased`, from 0 to 100;
        `exact_match`, the fraction of translations equal to the reference.

    References:
        Post, "A Call for Clarity in Reporting BLEU Scores", WMT 2018; Popović,
        "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015.
    """
    expected = [list(references)]
    equal = [t == r for t, r in zip(translations, references, strict=True)]
    bleu, chrf, lowercased = (
        metric.corpus_score(translations, expected).score
        for metric in _metrics(target).values()
    )
    return {
        "bleu": bleu,
        "chrf": chrf,
        "exact_match": sum(equal) / len(equal),
        "bleu_lowercased": lowercased,
    }


def signatures(target: str) -> str:
    """Returns sacreBLEU's signatures of the scores for a language."""
    texts = []
    for name, metric in _metrics(target).items():
        metric.corpus_score(["a"], [["a"]])  # Sets the number of references.
        texts.append(f"{name} {metric.get_signature()}")
    return f"sacreBLEU signatures: {'; '.join(texts)}"


def _metrics(target: str) -> dict[str, BLEU | CHRF]:
    tokenize = TOKENIZERS.get(base_language(target), "13a")
    return {
        "BLEU": BLEU(tokenize=tokenize),
        "chrF": CHRF(),
        "BLEU lc": BLEU(tokenize=tokenize, lowercase=True),
    }
