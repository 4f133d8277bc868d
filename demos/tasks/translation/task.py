"""From one language to another: a Transformer scored by BLEU, on any backend.

The task (`TranslationTask`) and its command, `python -m demos translation`.
Keras is imported inside the functions that need it, so that `--help` is quick
and `--backend` is heard before Keras is.
"""

import re
import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from typing import Any
from typing import Literal

from demos.common.cli import option_values
from demos.common.cli import parse
from demos.common.errors import UserError
from demos.common.progress import log
from demos.datasets.languages import UNSPACED
from demos.datasets.languages import base_language
from demos.study import sweep
from demos.tasks import command
from demos.tasks.command import StudyOptions
from demos.tasks.command import TextOptions
from demos.tasks.translation import subword_tokenizer as subwords
from demos.training.optimizers import Optimizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from demos.datasets.types import Pairs
    from demos.datasets.types import Translation
    from demos.report import report
    from demos.study.trial import Trial
    from demos.study.trial import TrialContext
    from demos.study.trial import TrialRecord
    from demos.study.trial import TrialResult

COMMAND = "python -m demos translation"
RUNS = Path("runs", "translation")
SAMPLES = 10
# Of a --quick run: pairs to train on, and in each of the other splits.
QUICK_TRAIN, QUICK_OTHER = 320, 80
# Sentences that are decoded together, and how many are worth a shape of their
# own, which is to be compiled.
DECODING_BATCH, DECODING_BUCKET = 100, 500
# Options that are from 0 to below 1; all other numbers are above 0.
FRACTIONS = ("label_smoothing", "dropout")
MAY_BE_ZERO = ("weight_decay", "warmup_epochs", "length_penalty")
# How sacreBLEU is to take apart what is written without spaces.
TOKENIZERS = {"ja": "char", "zh": "zh"}

Size = Literal["tiny", "small", "paper"]


@dataclass(frozen=True)
class ModelConfig:
    """The sizes of the model."""

    layers: int = 2
    """How many encoders, and how many decoders, are stacked."""
    embedding_dim: int = 128
    """Width of embeddings, encoders and decoders."""
    feedforward_dim: int = 256
    """Width of the dense layer inside them, under the activation."""
    heads: int = 4
    """Heads of each attention; they divide --embedding-dim."""
    initializer: str = "glorot_uniform"
    """Of the weights of encoders and decoders: a name that Keras knows, such as
    he_normal or serf_normal."""
    vocabulary: Literal["shared", "separate"] = "shared"
    """Whether source and target share sub-words and embedding."""
    vocabulary_size: int = 2000
    """Sub-words known at most, of each vocabulary; 259 at least: 256 bytes,
    padding, start and end."""
    longest: int = 100
    """Sub-words of a sentence at most: longer pairs are left out of the
    training, and longer sentences of validation and test are cut."""


@dataclass(frozen=True)
class TrainingConfig:
    """How the model is trained: the same for every activation."""

    epochs: int = 15
    """Passes over the training pairs at most; the one with the least loss on
    the validation is kept."""
    patience: int = 3
    """Epochs without a lower loss on the validation before training stops."""
    batch_tokens: int = 2048
    """Sub-words a step, of source and of target, padding counted."""
    buckets: int = 8
    """Lengths that sentences are sorted into at most; each is compiled."""
    optimizer: Optimizer = "adam"
    """Of Keras; adam has a beta_2 of 0.98, sgd Nesterov's momentum, 0.9."""
    learning_rate: float = 0.003
    """At its highest: it rises to this and falls to 0 by a cosine."""
    warmup_epochs: float = 1.0
    """Epochs in which the learning rate rises."""
    weight_decay: float = 0.01
    """Decoupled, as in AdamW; 0 for none."""
    clip_norm: float = 1.0
    """Longer gradients, all weights taken together, are cut to this norm."""
    label_smoothing: float = 0.1
    """Of the cross-entropy."""
    dropout: float = 0.1
    """Fraction dropped of embeddings, attention and each layer's outputs."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """What the layers compute in; weights are float32 always."""


@dataclass(frozen=True)
class DecodingConfig:
    """How the test is translated."""

    beam_width: int = 5
    """Translations that are kept of each sentence; 1 for greedy search."""
    length_penalty: float = 1.0
    """Log-probabilities are divided by the length to this power."""


SIZES: Mapping[str, tuple[ModelConfig, TrainingConfig]] = {
    "tiny": (
        ModelConfig(
            layers=1, embedding_dim=64, feedforward_dim=128, vocabulary_size=800
        ),
        TrainingConfig(
            epochs=7,
            patience=7,
            batch_tokens=512,
            buckets=4,
            learning_rate=0.005,
            weight_decay=0.0,
        ),
    ),
    "small": (ModelConfig(), TrainingConfig()),
    "paper": (
        ModelConfig(
            layers=3,
            embedding_dim=256,
            feedforward_dim=512,
            heads=8,
            vocabulary_size=6000,
        ),
        TrainingConfig(epochs=30, patience=5, learning_rate=0.001, dropout=0.2),
    ),
}


@dataclass(frozen=True)
class TranslationOptions(StudyOptions):
    """Trains a small Transformer with each activation, and compares them."""

    dataset: str = "emoji"
    """emoji (names of emoji in 14 languages, no download), multi30k (29,000
    captions of photographs in en, de, fr and cs, 1.4 MB) or the path of your
    own .tsv file in UTF-8: source, tab, target, no header."""
    source: str | None = None
    """Language translated from; by default en of emoji, de of multi30k."""
    target: str | None = None
    """Language translated to; by default de of emoji, en of multi30k. In zh
    and ja, sacreBLEU counts characters for words."""
    data_dir: Path | None = None
    """Folder where you placed the files of Multi30k by hand."""
    size: Size | None = None
    """Preset of the model and its training, below: tiny (of emoji), small (of
    all else) or paper (for a GPU)."""
    quick: bool = False
    """A try-out in a minute or two: 320 pairs, 1 epoch, the first 2 seeds at
    most. Its scores mean nothing."""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)


@dataclass(frozen=True)
class PredictOptions(TextOptions):
    """Prints the translation of each text given."""

    beam_width: int | None = None
    """Translations that are kept of each text; by default as in the study."""
    length_penalty: float | None = None
    """Log-probabilities are divided by the length to this power; by default as
    in the study."""


@dataclass(frozen=True)
class TranslationTask:
    """Trains and scores one translator.

    Args:
        dataset: The sentence pairs.
        model: The sizes of the model.
        training: How to train it.
        decoding: How to translate the test.
    """

    dataset: "Translation"
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    source_tokenizer: "Tokenizer" = field(init=False, repr=False)
    target_tokenizer: "Tokenizer" = field(init=False, repr=False)
    notes: tuple[str, ...] = field(init=False, repr=False)
    _compiled: dict[str, tuple[Any, Any, "Translator"]] = field(
        init=False, repr=False, default_factory=dict
    )
    _train: Any = field(init=False, repr=False)
    _widths: tuple[int, ...] = field(init=False, repr=False)

    objective = "validation_log_likelihood"
    groups = MappingProxyType({"batch_size": ("batch_tokens",)})
    fixed = ("vocabulary", "vocabulary_size", "longest", "buckets")

    def __post_init__(self) -> None:
        from demos.tasks.translation.batches import bucket_widths
        from demos.tasks.translation.batches import pair_lengths

        def learn(*texts: Sequence[str]) -> "Tokenizer":
            every = [text for part in texts for text in part]
            return subwords.learn(every, self.model.vocabulary_size)

        def keep(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        train = self.dataset.train
        if self.model.vocabulary == "shared":
            shared = learn(train.sources, train.targets)
            keep("source_tokenizer", shared)
            keep("target_tokenizer", shared)
        else:
            keep("source_tokenizer", learn(train.sources))
            keep("target_tokenizer", learn(train.targets))
        sources, targets = self._tokens(train)
        lengths = pair_lengths(sources, targets)
        fitting = [
            i for i, length in enumerate(lengths) if length <= self.longest
        ]
        if not fitting:
            raise UserError(
                "Expected --longest to be at least the length of the shortest "
                f"training pair, {min(lengths)}. Received: {self.longest}"
            )
        keep(
            "_train",
            ([sources[i] for i in fitting], [targets[i] for i in fitting]),
        )
        # Validation and test may hold sentences that are longer still.
        others = [
            self.dataset.validation,
            self.dataset.test,
            *self.dataset.further_tests.values(),
        ]
        other = [
            n for part in others for n in pair_lengths(*self._tokens(part))
        ]
        lengths = [lengths[i] for i in fitting]
        widths = bucket_widths(lengths, self.training.buckets)
        width = min(max(other, default=0), self.longest)
        keep("_widths", (*widths[:-1], max(width, widths[-1])))
        left_out = len(train) - len(fitting)
        cut = sum(length > self.longest for length in other)
        keep(
            "notes",
            (
                *([f"{left_out} over-long pairs left out"] if left_out else []),
                *([f"{cut} over-long pairs cut"] if cut else []),
            ),
        )

    @property
    def epochs(self) -> int:
        """Epochs of a trial, at most."""
        return self.training.epochs

    @property
    def longest(self) -> int:
        """Sub-words of a sentence at most."""
        return self.model.longest

    def config(self) -> dict[str, Any]:
        """Returns all that decides a trial's result, besides the trial.

        Returns:
            Sizes, training, decoding and the digest of the data.
        """
        return {
            "task": "translation",
            "dataset": self.dataset.name,
            "dataset_digest": self.dataset.digest(),
            "languages": [self.dataset.source, self.dataset.target],
            "pairs": {
                "train": len(self._train[0]),
                "validation": len(self.dataset.validation),
                "test": len(self.dataset.test),
            },
            "model": asdict(self.model),
            "training": asdict(self.training),
            "decoding": asdict(self.decoding),
            # They decide scores too.
            "versions": {
                package: metadata.version(package)
                for package in ("sacrebleu", "tokenizers")
            },
        }

    def build(self, activation: str, steps: int) -> Any:
        """Builds the model, its weights drawn by Keras' global seed.

        Args:
            activation: Of the feed-forward layers.
            steps: Batches of an epoch, for the schedule of the learning rate.

        Returns:
            What `transformer.build` returns, compiled to train.
        """
        import keras

        from demos.tasks.translation import model as transformer
        from demos.training import optimizers

        separate = self.model.vocabulary == "separate"
        model = transformer.build(
            activation,
            layers=self.model.layers,
            embedding_dim=self.model.embedding_dim,
            feedforward_dim=self.model.feedforward_dim,
            heads=self.model.heads,
            initializer=self.model.initializer,
            dropout=self.training.dropout,
            target_vocabulary=self.target_tokenizer.get_vocab_size(),
            source_vocabulary=(
                self.source_tokenizer.get_vocab_size() if separate else None
            ),
            precision=self.training.precision,
        )
        options: dict[str, Any] = {}
        if self.training.optimizer == "adam":
            options["beta_2"] = 0.98  # Vaswani et al., section 5.3.
        # Decoupled; Adam and its kin let go of it, which AdamW does not: on
        # TensorFlow it costs a schedule a variable.
        if self.training.weight_decay:
            options["weight_decay"] = self.training.weight_decay
        elif self.training.optimizer == "adamw":
            options["weight_decay"] = 0.0
        model.compile(
            optimizers.make(
                self.training.optimizer,
                optimizers.cosine(
                    self.training.learning_rate,
                    self.epochs * steps,
                    round(self.training.warmup_epochs * steps),
                ),
                global_clipnorm=self.training.clip_norm,
                **options,
            ),
            transformer.SmoothedCrossEntropy(self.training.label_smoothing),
            weighted_metrics=[
                keras.metrics.SparseCategoricalAccuracy("token_accuracy")
            ],
        )
        return model

    def batches(self, part: "Pairs | None" = None, seed: int | None = None):
        """Serves pairs to Keras.

        Args:
            part: The split; by default the training pairs.
            seed: Decides the order; without one all pairs are served, as a
                score wants them.

        Returns:
            `PairBatches`.
        """
        from demos.tasks.translation.batches import PairBatches

        sources, targets = self._train if part is None else self._tokens(part)
        return PairBatches(
            sources,
            targets,
            self._widths,
            self.training.batch_tokens,
            seed,
        )

    def run(self, trial: "Trial", context: "TrialContext") -> "TrialResult":
        """Trains one model and scores it once on the test.

        The seed decides initial weights, order of the data and dropout: at the
        same seed they are the same for every activation. On a CPU the same
        trial gives the same curves again; on a GPU no backend promises so, for
        its sums may be taken in any order.

        Args:
            trial: Its settings hold the `activation`, and what is varied.
            context: Who is told of each epoch, and folders.

        Returns:
            `scores` of the test, its loss (nats a token, without smoothing)
            and token accuracy, those of the validation at the epoch kept (that
            of its least loss), and all curves.

        Raises:
            DivergedError: The loss is not finite.
        """
        return sweep.apply_overrides(self, trial.settings)._run(trial, context)

    def _run(self, trial: "Trial", context: "TrialContext") -> "TrialResult":
        import keras

        from demos.study.trial import TrialResult
        from demos.training.fit import fit

        served = self.batches(seed=trial.seed)
        model, scorer, translator = self._start(trial, len(served))
        history = fit(
            model,
            served,
            validation_data=self.batches(self.dataset.validation),
            epochs=self.epochs,
            context=context,
            monitor="val_loss",
            mode="min",
            patience=self.training.patience,
        )
        validation, test = (
            scorer.evaluate(self.batches(part), return_dict=True, verbose=0)
            for part in (self.dataset.validation, self.dataset.test)
        )
        began = time.perf_counter()
        metrics, translations = self._tested(translator)
        seconds = time.perf_counter() - began
        self._compiled[trial.label] = model, scorer, translator
        return TrialResult(
            {
                **metrics,
                "token_accuracy": test["token_accuracy"],
                "loss": test["cross_entropy"],
                "validation_token_accuracy": validation["token_accuracy"],
                "validation_log_likelihood": -validation["cross_entropy"],
            },
            history,
            model.count_params(),
            # Not compiled: it loads without this package, for whoever wants it.
            keras.Model(model.input, model.output, name=model.name).save,
            {
                f"{name}.txt": lines(texts)
                for name, texts in translations.items()
            },
            {"decoding": seconds},
        )

    def save_assets(self, folder: Path) -> None:
        """Writes what is needed to translate raw text.

        Args:
            folder: Where the models are saved too.
        """
        from demos.common.files import write_json
        from demos.common.files import write_text

        for side in ("source", "target"):
            tokenizer: Tokenizer = getattr(self, f"{side}_tokenizer")
            write_text(
                folder / f"{side}_tokenizer.json", tokenizer.to_str(True)
            )
        write_json(
            folder / "translation.json",
            {
                "source": self.dataset.source,
                "target": self.dataset.target,
                "longest": self.longest,
                "decoding": asdict(self.decoding),
            },
        )

    def baselines(self) -> dict[str, dict[str, float]]:
        """Scores what any model should beat, on the same test.

        Returns:
            By name: the source as it stands, and its words translated one by
            one (see `Lexicon`).
        """
        lexicon = Lexicon(
            self.dataset.train, self.dataset.source, self.dataset.target
        )
        translators: dict[str, Callable[[Sequence[str]], list[str]]] = {
            "copy of the source": list,
            "word-by-word lexicon": lambda texts: [lexicon(t) for t in texts],
        }
        return {
            name: self._tested(translate)[0]
            for name, translate in translators.items()
        }

    def _tested(
        self, translate: Callable[[Sequence[str]], list[str]]
    ) -> tuple[dict[str, float], dict[str, list[str]]]:
        """Returns scores, and translations by name of the test."""
        test, target = self.dataset.test, self.dataset.target
        found = {"test": translate(test.sources)}
        metrics = scores(found["test"], test.targets, target)
        for name, part in self.dataset.further_tests.items():
            found[name] = translate(part.sources)
            further = scores(found[name], part.targets, target)
            metrics[f"{name}_bleu"] = further["bleu"]
        return metrics, found

    def _tokens(self, part: "Pairs") -> tuple[list[list[int]], list[list[int]]]:
        return (
            subwords.encode(self.source_tokenizer, part.sources),
            subwords.encode(self.target_tokenizer, part.targets),
        )

    def _start(
        self, trial: "Trial", steps: int
    ) -> tuple[Any, Any, "Translator"]:
        """Returns a new model, its scorer and its translator.

        What an earlier trial with the same activation has compiled is used
        again, with the state of a new model: compiling may take longer than
        training. (PyTorch compiles nothing.)
        """
        import keras

        keras.utils.set_random_seed(trial.seed)
        fresh = self.build(trial.settings["activation"], steps)
        # It is kept anew once the trial has ended well.
        kept = self._compiled.pop(trial.label, None)
        if kept is not None and keras.backend.backend() != "torch":
            command.copy_state(fresh, kept[0])
            return kept
        translator = Translator(
            fresh,
            self.source_tokenizer,
            self.target_tokenizer,
            self.longest,
            self.decoding,
        )
        return fresh, self.scorer(fresh), translator

    def scorer(self, model: Any) -> Any:
        """Makes a model to score the next token, given the true ones before it.

        Args:
            model: What `build` returns.

        Returns:
            One that shares its weights. `evaluate` on `batches` gives
            `token_accuracy` and `cross_entropy` (nats a token, without
            smoothing), means over all tokens that are not padding. In training
            they would cost time.
        """
        import keras

        from demos.tasks.translation.model import SmoothedCrossEntropy

        scorer = keras.Model(model.input, model.output)
        scorer.compile(
            loss=SmoothedCrossEntropy(0.0),
            weighted_metrics=[
                keras.metrics.SparseCategoricalAccuracy("token_accuracy"),
                keras.metrics.SparseCategoricalCrossentropy(
                    "cross_entropy", from_logits=True
                ),
            ],
        )
        return scorer


class Translator:
    """Translates texts with a trained model.

    Args:
        model: What `transformer.build` returns, trained.
        source_tokenizer: Of the texts.
        target_tokenizer: Of the translations.
        longest: Sub-words of a text at most, END included; longer ones are cut.
        decoding: How to search.
    """

    def __init__(
        self,
        model: Any,
        source_tokenizer: "Tokenizer",
        target_tokenizer: "Tokenizer",
        longest: int,
        decoding: DecodingConfig,
    ) -> None:
        from demos.tasks.translation.model import Steps

        self._source_tokenizer = source_tokenizer
        self._target_tokenizer = target_tokenizer
        self._longest = longest
        self._decoding = decoding
        self._steps = Steps(model)
        self._searches: dict[int, Any] = {}

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """Translates.

        Args:
            texts: At least one.

        Returns:
            Their translations.
        """
        from demos.tasks.translation import batches
        from demos.training.batches import predict

        tokens = subwords.encode(self._source_tokenizer, texts)
        # Two at least: over one token, attention has nothing to choose from.
        lengths = [max(2, min(1 + len(row), self._longest)) for row in tokens]
        buckets = min(4, 1 + len(texts) // DECODING_BUCKET)
        widths = batches.bucket_widths(lengths, buckets)
        found = [""] * len(texts)
        for bucket in batches.into_buckets(lengths, widths):
            # A batch is searched until its last sentence is done.
            rows = sorted(bucket.rows, key=lengths.__getitem__)
            answers = predict(
                self._search(bucket.width),
                batches.source_array(
                    [tokens[row] for row in rows], bucket.width
                ),
                DECODING_BATCH,
            )
            translations = subwords.decode(
                self._target_tokenizer, answers.tolist()
            )
            for row, text in zip(rows, translations, strict=True):
                found[row] = text
        return found

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Counts sub-words.

        Args:
            texts: The texts.

        Returns:
            Those of each, END included.
        """
        tokens = subwords.encode(self._source_tokenizer, texts)
        return [1 + len(row) for row in tokens]

    def _search(self, width: int) -> Any:
        """Returns the search for sources of a width, compiled once."""
        from demos.tasks.translation.decoding import BeamSearch
        from demos.tasks.translation.decoding import GreedySearch

        if width not in self._searches:
            length = 10 + width * 3 // 2  # Of a translation, at most.
            beams = self._decoding.beam_width
            self._searches[width] = (
                GreedySearch(self._steps, length)
                if beams == 1
                else BeamSearch(
                    self._steps, length, beams, self._decoding.length_penalty
                )
            )
        return self._searches[width]


class Lexicon:
    """Translates word by word: each to the one that it goes with most.

    That is the target's word with the highest Dice coefficient over the
    training pairs, 2 n(s, t) / (n(s) + n(t)), n being the pairs that hold a
    word. Unknown words stand as they are.

    Args:
        train: The training pairs.
        source: Language of the sources.
        target: Language of the targets.
    """

    def __init__(self, train: "Pairs", source: str, target: str) -> None:
        import numpy as np
        from sklearn.feature_extraction.text import CountVectorizer

        def counted(texts: Sequence[str], language: str):
            vectorizer = CountVectorizer(
                analyzer=partial(words, language=language), binary=True
            )
            matrix = vectorizer.fit_transform(texts).astype("float64")
            return matrix, vectorizer.get_feature_names_out()

        self._source = source
        self._separator = "" if base_language(target) in UNSPACED else " "
        sources, source_words = counted(train.sources, source)
        targets, target_words = counted(train.targets, target)
        both = (sources.T @ targets).tocoo()
        source_counts = np.asarray(sources.sum(axis=0)).ravel()
        target_counts = np.asarray(targets.sum(axis=0)).ravel()
        dice = (
            2 * both.data / (source_counts[both.row] + target_counts[both.col])
        )
        same = source_words[both.row] == target_words[both.col]
        # Ascending, so that the last one of each word is its best; at a tie,
        # the word itself.
        order = np.lexsort((-both.col, same, dice, both.row))
        self._lexicon = {
            str(source_words[both.row[i]]): str(target_words[both.col[i]])
            for i in order
        }

    def __call__(self, source: str) -> str:
        """Translates.

        Args:
            source: The text.

        Returns:
            Its words' translations, in their order.
        """
        found = [
            self._lexicon.get(word, word)
            for word in words(source, self._source)
        ]
        return re.sub(r"\s+(?=[^\w\s(])", "", self._separator.join(found))


def words(text: str, language: str) -> list[str]:
    """Takes a text apart into words and marks.

    Args:
        text: The text.
        language: Its language; of one written without spaces each character is
            a word.

    Returns:
        The words; each mark is one of its own.

    Example:

    >>> words("A dog's life, in short.", "en")
    ['A', 'dog', "'", 's', 'life', ',', 'in', 'short', '.']
    """
    if base_language(language) in UNSPACED:
        return list(text)
    return re.findall(r"\w+|[^\w\s]", text)


def scores(
    translations: Sequence[str], references: Sequence[str], target: str
) -> dict[str, float]:
    """Scores translations as detokenised texts.

    Args:
        translations: The texts.
        references: The true translation of each.
        target: Their language; Chinese and Japanese are taken apart into
            characters, everything else by sacreBLEU's usual rules (13a).

    Returns:
        `bleu` and `chrf`, cased, and `bleu_lowercased`, by sacreBLEU, from 0
        to 100; `exact_match`, the fraction that equals the reference.

    References:
        Post, "A Call for Clarity in Reporting BLEU Scores", WMT 2018; Popović,
        "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015.
    """
    bleu, chrf, lowercased = measures(target)
    expected = [list(references)]
    equal = [t == r for t, r in zip(translations, references, strict=True)]
    return {
        "bleu": bleu.corpus_score(translations, expected).score,
        "chrf": chrf.corpus_score(translations, expected).score,
        "exact_match": sum(equal) / len(equal),
        "bleu_lowercased": lowercased.corpus_score(
            translations, expected
        ).score,
    }


def measures(target: str) -> tuple[Any, Any, Any]:
    """Returns sacreBLEU's measures.

    Args:
        target: Language of what is scored.

    Returns:
        BLEU, chrF and BLEU of lower case.
    """
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    tokenize = TOKENIZERS.get(base_language(target), "13a")
    return (
        BLEU(tokenize=tokenize),
        CHRF(),
        BLEU(tokenize=tokenize, lowercase=True),
    )


def signatures(target: str) -> str:
    """Says how sacreBLEU scored, in its own words.

    Args:
        target: Language of what was scored.

    Returns:
        The signatures of BLEU, chrF and BLEU of lower case.
    """
    named = zip(("BLEU", "chrF", "BLEU lc"), measures(target), strict=True)
    found = []
    for name, measure in named:
        measure.corpus_score(["a"], [["a"]])  # It counts the references.
        found.append(f"{name} {measure.get_signature()}")
    return f"sacreBLEU signatures: {'; '.join(found)}"


def lines(texts: Sequence[str]) -> str:
    """Lays texts out, one a line.

    Args:
        texts: The texts; a line break in one becomes a space.

    Returns:
        The lines.
    """
    return "".join(f"{' '.join(text.split())}\n" for text in texts)


def quick_part(dataset: "Translation") -> "Translation":
    """Takes a few pairs of a dataset, evenly spaced.

    Args:
        dataset: The dataset.

    Returns:
        320 pairs to train on and 80 in each of the other splits, at most;
        named so that nobody takes it for the whole.
    """
    from demos.datasets.types import Pairs

    def part(pairs: "Pairs", count: int) -> "Pairs":
        step = command.evenly(len(pairs), count).step
        return Pairs(pairs.sources[::step], pairs.targets[::step])

    return replace(
        dataset,
        name=f"{dataset.name}-quick",
        train=part(dataset.train, QUICK_TRAIN),
        validation=part(dataset.validation, QUICK_OTHER),
        test=part(dataset.test, QUICK_OTHER),
        further_tests={},
    )


def main(arguments: Sequence[str]) -> int:
    """Runs `python -m demos translation ...`.

    Args:
        arguments: What follows `translation`.

    Returns:
        The exit code, 0.

    Raises:
        UserError: The input is at fault, or no trial was finished.
    """
    if arguments and arguments[0] == "predict":
        name = f"{COMMAND} predict"
        return predict(parse(PredictOptions, arguments[1:], name))
    print(compare(parse_options(arguments)).text)
    return 0


def parse_options(arguments: Sequence[str]) -> TranslationOptions:
    """Parses the command line, with the defaults of its `--size`.

    Args:
        arguments: What follows `translation`.

    Returns:
        The options.

    Raises:
        UserError: They do not fit.
    """
    notes = f'Afterwards: {COMMAND} predict "a text" ... (see its --help)'

    size = [
        *option_values(arguments, "--size"),
        *(
            "tiny" if name == "emoji" else "small"
            for name in option_values(arguments, "--dataset")
        ),
        "tiny",
    ][0]
    # An unknown size is for the parser to refuse.
    model, training = SIZES.get(size, SIZES["small"])
    default = TranslationOptions(model=model, training=training)
    return parse(TranslationOptions, arguments, COMMAND, notes, default)


def compare(options: TranslationOptions) -> "report.Report":
    """Trains with every activation and seed, and reports.

    Args:
        options: The command line.

    Returns:
        The report, of which the files are written.

    Raises:
        UserError: The input is at fault, or no trial was finished.
    """
    from demos.datasets.load import load_translation

    check(options)
    command.prepare(options, RUNS)
    dataset = load_translation(
        options.dataset, options.source, options.target, options.data_dir
    )
    command.start_training(options)
    if options.quick:
        dataset = quick_part(dataset)
        options = command.quick(options)
    task = TranslationTask(
        dataset, options.model, options.training, options.decoding
    )
    description = describe(task)
    return command.run_study(
        task,
        options,
        RUNS / f"{dataset.name}-{dataset.source}-{dataset.target}",
        description,
        task.baselines,
        lambda folder, results: presentation(
            task, description, options.quick, folder, results
        ),
        check,
    )


def predict(options: PredictOptions) -> int:
    """Translates texts with a model that `compare` has saved.

    Args:
        options: The command line.

    Returns:
        The exit code.

    Raises:
        UserError: There is no text, no study or no such model, or it cannot
            be read.
    """
    import json

    path, trial = command.best_model(
        options, RUNS, TranslationTask.objective, COMMAND
    )

    def tokenizer(side: str) -> "Tokenizer":
        return command.load_tokenizer(
            path.with_name(f"{side}_tokenizer.json"), COMMAND
        )

    def settings(file: Path) -> tuple[str, int, DecodingConfig]:
        content = json.loads(file.read_text())
        languages = f"{content['source']} to {content['target']}"
        decoding = DecodingConfig(**content["decoding"])
        return languages, content["longest"], decoding

    languages, longest, decoding = command.read(
        path.with_name("translation.json"), settings, COMMAND
    )
    decoding = replace(
        decoding,
        **{
            name: value
            for name in ("beam_width", "length_penalty")
            if (value := getattr(options, name)) is not None
        },
    )
    check_decoding(decoding)
    translator = Translator(
        command.load_model(path, COMMAND),
        tokenizer("source"),
        tokenizer("target"),
        longest,
        decoding,
    )
    log(
        f"{path}: {languages}, seed {trial.seed}, test BLEU "
        f"{trial.metrics['bleu']:.1f}"
    )
    for number, count in enumerate(translator.lengths(options.texts), 1):
        if count > longest:
            log(f"text {number} was cut after {longest} of {count} sub-words")
    for text in translator(options.texts):
        print(text)
    return 0


def check(options: TranslationOptions | TranslationTask) -> None:
    """Checks what can be checked without Keras.

    Args:
        options: The command line, or the task with the same configs.

    Raises:
        UserError: An option has no possible meaning.
    """
    command.check_numbers(
        [options.model, options.training], FRACTIONS, MAY_BE_ZERO
    )
    check_decoding(options.decoding)
    command.check_heads(options.model.embedding_dim, options.model.heads)
    if options.model.vocabulary_size < subwords.SMALLEST:
        raise UserError(
            f"Expected --vocabulary-size to be at least {subwords.SMALLEST}: "
            "256 bytes, padding, start and end. "
            f"Received: {options.model.vocabulary_size}"
        )
    if options.model.longest < 2:
        raise UserError(
            "Expected --longest to be at least 2: a sub-word and the end. "
            f"Received: {options.model.longest}"
        )


def check_decoding(decoding: DecodingConfig) -> None:
    """Checks how to translate.

    Args:
        decoding: The options.

    Raises:
        UserError: One has no possible meaning.
    """
    command.check_numbers([decoding], FRACTIONS, MAY_BE_ZERO)
    if decoding.beam_width > 100:
        raise UserError(
            "Expected --beam-width to be from 1 to 100. "
            f"Received: {decoding.beam_width}"
        )


def describe(task: TranslationTask) -> str:
    """Describes the data in a line.

    Args:
        task: The task.

    Returns:
        Name, languages, sizes, padding and notes.
    """
    dataset = task.dataset
    tests = "".join(
        f", {len(part)} in {name}"
        for name, part in dataset.further_tests.items()
    )
    sizes = (
        f"{dataset.name}, {dataset.source} to {dataset.target}: "
        f"{len(dataset.train)} pairs to train on, {len(dataset.validation)} to "
        f"validate, {len(dataset.test)} to test{tests}"
    )
    batches = task.batches(seed=0)
    served = f"{batches.served():.0%} of the pairs served in an epoch"
    padding = f"{batches.padding():.0%} of a batch is padding"
    return "; ".join([sizes, *dataset.notes, *task.notes, served, padding])


def presentation(
    task: TranslationTask,
    description: str,
    quick: bool,
    folder: Path,
    results: Sequence["TrialRecord"],
) -> "report.Presentation":
    """Says how the report is to call things.

    Args:
        task: Where the results come from.
        description: Of its data, in a line.
        quick: Whether the run was a mere try-out.
        folder: Of the study.
        results: Of all trials; at least one finished.

    Returns:
        Titles, metrics, notes and sample translations.
    """
    from demos.report import report

    dataset = task.dataset
    notes = [description, signatures(dataset.target)]
    if quick:
        notes.insert(
            0, "QUICK RUN: few pairs, 1 epoch; the scores mean nothing"
        )
    return report.Presentation(
        title=f"Translation: {dataset.name}, {dataset.source} to "
        f"{dataset.target}",
        metrics=(
            report.Metric("bleu", "BLEU", decimals=2),
            report.Metric("chrf", "chrF", decimals=2),
            report.Metric("bleu_lowercased", "BLEU lc", decimals=2),
            report.Metric("exact_match", "exact match"),
            report.Metric("token_accuracy", "token accuracy"),
            report.Metric("loss", "loss", higher_is_better=False),
            *(
                report.Metric(f"{name}_bleu", f"{name} BLEU", decimals=2)
                for name in dataset.further_tests
            ),
        ),
        curve="val_token_accuracy",
        curve_label="validation token accuracy",
        notes=tuple(notes),
        appendix=samples(task, folder, results),
    )


def samples(
    task: TranslationTask, folder: Path, results: Sequence["TrialRecord"]
) -> str:
    """Shows translations of the test, evenly spaced.

    Args:
        task: Where they come from.
        folder: Of the study.
        results: Of all trials; at least one finished.

    Returns:
        A table in Markdown: sources, references, and what the model says that
        is best on the validation among those of serf, if any. Where its
        translations cannot be read, a line says so.
    """
    from demos.report import comparisons as significance
    from demos.report import report
    from demos.study.study import best
    from demos.study.trial import text_path

    reference = significance.reference_of(results)
    chosen = best(
        [r for r in results if r.settings["activation"] == reference],
        task.objective,
    )
    path = text_path(folder, chosen, "test.txt")
    test = task.dataset.test
    try:
        found = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return f"No samples: {path.name} cannot be read ({error})."
    if len(found) != len(test):
        return f"No samples: {path.name} does not have {len(test)} lines."
    rows = list(zip(test.sources, test.targets, found, strict=True))[
        :: max(1, len(test) // SAMPLES)
    ][:SAMPLES]
    header = ("source", "reference", f"{chosen.label}, seed {chosen.seed}")
    cells = [[text.replace("|", r"\|") for text in row] for row in rows]
    return "\n".join(report.aligned([header, *cells], left=len(header)))
