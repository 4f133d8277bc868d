"""Translation: data, training, scores, baselines and report of the task."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keras
from tokenizers import Tokenizer

from demos.common.errors import UserError
from demos.common.files import write_json, write_text
from demos.common.progress import log, print_line
from demos.datasets.load import load_translation
from demos.datasets.types import Pairs
from demos.report.types import Metric, Presentation
from demos.study.trial import Trial, TrialContext, TrialRecord, TrialResult
from demos.tasks.metrics import COMPARED
from demos.tasks.saved_model import SavedModel
from demos.tasks.task import Task, sizes, smoke_test_part
from demos.tasks.translation import subword_tokenizer
from demos.tasks.translation.batches import (
    PairBatches,
    bucket_widths,
    pair_lengths,
)
from demos.tasks.translation.lexicon import Lexicon
from demos.tasks.translation.model import (
    SmoothedCrossEntropy,
    Steps,
    build_model,
    build_scorer,
)
from demos.tasks.translation.options import (
    DecodingConfig,
    TranslationOptions,
    TranslationPredictOptions,
    check_decoding,
)
from demos.tasks.translation.samples import samples
from demos.tasks.translation.scores import signatures, translation_scores
from demos.tasks.translation.translator import Translator
from demos.training.fit import fit

Translate = Callable[[Sequence[str]], list[str]]


@dataclass(frozen=True)
class TranslationTask(Task):
    """Trains and scores one translation model; see `Task`."""

    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    source_tokenizer: Tokenizer = field(init=False, repr=False)
    target_tokenizer: Tokenizer = field(init=False, repr=False)
    _train: tuple[list[list[int]], list[list[int]]] = field(
        init=False, repr=False
    )
    _widths: tuple[int, ...] = field(init=False, repr=False)

    name = "translation"
    unit = "pairs"
    objective = "validation_log_likelihood"
    groups = MappingProxyType({"batch_size": ("batch_tokens",)})
    fixed = ("vocabulary", "vocabulary_size", "longest", "buckets")
    packages = ("sacrebleu", "tokenizers")

    def __post_init__(self) -> None:
        def set_(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        for side, tokenizer in self._learn_tokenizers().items():
            set_(f"{side}_tokenizer", tokenizer)
        longest = self.model.longest
        sources, targets = self._tokens(self.dataset.train)
        lengths = pair_lengths(sources, targets)
        fitting = [i for i, length in enumerate(lengths) if length <= longest]
        if not fitting:
            raise UserError(
                "--longest must be at least the length of the shortest "
                f"training pair, {min(lengths)}. Received: {longest}"
            )
        set_(
            "_train",
            ([sources[i] for i in fitting], [targets[i] for i in fitting]),
        )
        # Validation and test sentences may be longer.
        others = [
            self.dataset.validation,
            self.dataset.test,
            *self.dataset.further_tests.values(),
        ]
        other = [
            n for part in others for n in pair_lengths(*self._tokens(part))
        ]
        widths = bucket_widths(
            [lengths[i] for i in fitting], self.training.buckets
        )
        width = min(max(other, default=0), longest)
        set_("_widths", (*widths[:-1], max(width, widths[-1])))
        left_out = len(lengths) - len(fitting)
        truncated = sum(length > longest for length in other)
        notes = (
            f"{left_out} long training pairs dropped" * bool(left_out),
            f"{truncated} long pairs truncated" * bool(truncated),
        )
        set_("notes", tuple(filter(None, notes)))

    @property
    def study_name(self) -> str:
        """Default name of the study's folder."""
        dataset = self.dataset
        return f"{dataset.name}-{dataset.source}-{dataset.target}"

    def config(self) -> dict[str, Any]:
        """Returns everything except the trial that affects its result."""
        return {
            **super().config(),
            "languages": [self.dataset.source, self.dataset.target],
            "decoding": asdict(self.decoding),
        }

    def build(self, activation: str, steps: int) -> keras.Model:
        """Builds and compiles the model for `steps` batches per epoch."""
        training = self.training
        separate = self.model.vocabulary == "separate"
        model = build_model(
            activation,
            self.model,
            dropout=training.dropout,
            target_vocabulary=self.target_tokenizer.get_vocab_size(),
            source_vocabulary=(
                self.source_tokenizer.get_vocab_size() if separate else None
            ),
            precision=training.precision,
        )
        options: dict[str, Any] = {}
        if training.optimizer == "adam":
            options["beta_2"] = 0.98  # Vaswani et al., section 5.3.
        # With None, Adam and similar optimizers skip the decay, which on
        # TensorFlow costs a schedule per variable; AdamW decays by default.
        if training.weight_decay or training.optimizer == "adamw":
            options["weight_decay"] = training.weight_decay
        model.compile(
            self.optimizer(
                steps, global_clipnorm=training.clip_norm, **options
            ),
            SmoothedCrossEntropy(training.label_smoothing),
            weighted_metrics=[
                keras.metrics.SparseCategoricalAccuracy("token_accuracy")
            ],
        )
        return model

    def batches(
        self, part: Pairs | None = None, seed: int | None = None
    ) -> PairBatches:
        """Returns the batches of a split; by default, of the training pairs.

        The seed determines the order. Without a seed, all pairs are included,
        as scores require.
        """
        sources, targets = self._train if part is None else self._tokens(part)
        return PairBatches(
            sources, targets, self._widths, self.training.batch_tokens, seed
        )

    def train(self, trial: Trial, context: TrialContext) -> TrialResult:
        """Trains one model; the loss is unsmoothed, in nats per token."""
        data = self.batches(seed=trial.seed)
        model, scorer, translator = self.reuse(
            trial, lambda: self._built(trial, len(data))
        )
        history = fit(
            model,
            data,
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
            # Saved uncompiled, so that it loads without this package.
            keras.Model(model.input, model.output, name=model.name).save,
            {
                f"{name}.txt": "".join(
                    f"{' '.join(t.split())}\n" for t in texts
                )
                for name, texts in translations.items()
            },
            {"decoding": seconds},
        )

    def save_assets(self, folder: Path) -> None:
        """Writes the files that a saved model needs to translate raw text."""
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
                "longest": self.model.longest,
                "decoding": asdict(self.decoding),
            },
        )

    def baselines(self) -> dict[str, dict[str, float]]:
        """Scores a copy of the source, and a word-by-word translation."""
        lexicon = Lexicon(
            self.dataset.train, self.dataset.source, self.dataset.target
        )
        translators: dict[str, Translate] = {
            "copy of the source": list,
            "word-by-word lexicon": lambda texts: [lexicon(t) for t in texts],
        }
        return {
            name: self._tested(translate)[0]
            for name, translate in translators.items()
        }

    def describe(self) -> str:
        """Describes the data in one line."""
        dataset = self.dataset
        tests = [
            f"{len(part)} in {name}"
            for name, part in dataset.further_tests.items()
        ]
        batches = self.batches(seed=0)
        return "; ".join(
            [
                ", ".join([sizes(dataset, self.unit), *tests]),
                f"{dataset.source} to {dataset.target}",
                *dataset.notes,
                *self.notes,
                f"{batches.served():.0%} of the pairs in an epoch",
                f"{batches.padding():.0%} of a batch is padding",
            ]
        )

    def presentation(
        self, folder: Path, records: Sequence[TrialRecord]
    ) -> Presentation:
        """Returns the presentation of the report, with sample translations."""
        dataset = self.dataset
        return Presentation(
            title=f"Translation: {dataset.name}, {dataset.source} to "
            f"{dataset.target}",
            metrics=(
                COMPARED[self.name],
                Metric("chrf", "chrF", decimals=2, margin=1.0),
                Metric("bleu_lowercased", "BLEU lc", decimals=2),
                Metric("exact_match", "exact match"),
                Metric("token_accuracy", "token accuracy"),
                Metric("loss", "loss", higher_is_better=False),
                *(
                    Metric(f"{name}_bleu", f"{name} BLEU", decimals=2)
                    for name in dataset.further_tests
                ),
            ),
            curve="val_token_accuracy",
            curve_label="validation token accuracy",
            notes=(self.describe(), signatures(dataset.target)),
            tables=samples(dataset.test, self.objective, folder, records),
        )

    def _learn_tokenizers(self) -> dict[str, Tokenizer]:
        train, size = self.dataset.train, self.model.vocabulary_size
        if self.model.vocabulary == "shared":
            texts = [*train.sources, *train.targets]
            shared = subword_tokenizer.learn(texts, size)
            return {"source": shared, "target": shared}
        return {
            "source": subword_tokenizer.learn(train.sources, size),
            "target": subword_tokenizer.learn(train.targets, size),
        }

    def _tokens(self, part: Pairs) -> tuple[list[list[int]], list[list[int]]]:
        return (
            subword_tokenizer.encode(self.source_tokenizer, part.sources),
            subword_tokenizer.encode(self.target_tokenizer, part.targets),
        )

    def _built(
        self, trial: Trial, steps: int
    ) -> tuple[keras.Model, keras.Model, Translator]:
        """Returns a new model, its scorer and its translator."""
        model = self.build(trial.settings["activation"], steps)
        translator = Translator(
            Steps(model),
            self.source_tokenizer,
            self.target_tokenizer,
            self.model.longest,
            self.decoding,
        )
        return model, build_scorer(model), translator

    def _tested(
        self, translate: Translate
    ) -> tuple[dict[str, float], dict[str, list[str]]]:
        """Returns scores, and translations by the name of the test split."""
        test, target = self.dataset.test, self.dataset.target
        texts = {"test": translate(test.sources)}
        metrics = translation_scores(texts["test"], test.targets, target)
        for name, part in self.dataset.further_tests.items():
            texts[name] = translate(part.sources)
            further = translation_scores(texts[name], part.targets, target)
            metrics[f"{name}_bleu"] = further["bleu"]
        return metrics, texts


TASK = TranslationTask


def load(options: TranslationOptions) -> TranslationTask:
    """Loads the data of a study as a task."""
    dataset = load_translation(
        options.dataset, options.source, options.target, options.data_dir
    )
    if options.quick:
        dataset = smoke_test_part(dataset, 320)
        dataset = replace(dataset, further_tests={})
    return TranslationTask(
        dataset, options.model, options.training, options.decoding
    )


def predict(options: TranslationPredictOptions, saved: SavedModel) -> None:
    """Prints the translation of each text."""
    settings = saved.json(
        "translation.json", source=str, target=str, longest=int, decoding=dict
    )
    chosen = {
        "beam_width": options.beam_width,
        "length_penalty": options.length_penalty,
    }
    given = {k: v for k, v in chosen.items() if v is not None}
    decoding = DecodingConfig(**{**settings["decoding"], **given})
    check_decoding(decoding)
    longest = settings["longest"]
    tokenizer = saved.tokenizer("source_tokenizer.json")
    translator = Translator(
        Steps(saved.load()),
        tokenizer,
        saved.tokenizer("target_tokenizer.json"),
        longest,
        decoding,
    )
    log(f"{settings['source']} to {settings['target']}")
    rows = subword_tokenizer.encode(tokenizer, options.texts)
    for number, row in enumerate(rows, 1):
        if (count := 1 + len(row)) > longest:  # Plus one for END.
            log(f"text {number} was truncated to {longest} of {count} subwords")
    for text in translator(options.texts):
        print_line(text)
