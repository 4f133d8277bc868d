"""A small study of each task, on data that is easy to learn."""

import csv
import importlib
import itertools
import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demos.__main__ import main
from demos.datasets.load import load_images
from demos.study.trial import Trial, TrialContext, TrialResult

TASKS = (
    "sentiment",
    "translation",
    "entailment",
    "classification",
    "detection",
)
GOOD = ["superb", "moving", "witty", "fresh", "graceful", "thrilling"]
BAD = ["dull", "clumsy", "tedious", "stale", "noisy", "lifeless"]
PLAIN = ["film", "story", "actor", "scene", "plot", "score", "script"]
NUMBERS = {"one": "eins", "two": "zwei", "three": "drei", "four": "vier"}
HUES = {"red": "rot", "blue": "blau", "green": "grün", "black": "schwarz"}
ANIMALS = {"dog": "Hund", "cat": "Katze", "cow": "Kuh", "fox": "Fuchs"}
RGB = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255)}


def write_csv(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def write_reviews(path, count=400):
    """Writes reviews that each have three words of their label."""
    draw = random.Random(0)
    rows = {}
    while len(rows) < count:
        label = "good" if len(rows) % 2 else "bad"
        words = draw.sample(PLAIN, 4)
        words += draw.sample(GOOD if label == "good" else BAD, 3)
        draw.shuffle(words)
        rows.setdefault(" ".join(words), label)
    return write_csv(path, ("text", "label"), rows.items())


def write_translations(path):
    """Writes 64 phrases, with the reversed order of words in German."""
    lines = [
        f"{n} {hue} {a}.\t{ANIMALS[a]}, {HUES[hue]}, {NUMBERS[n]}."
        for n, hue, a in itertools.product(NUMBERS, HUES, ANIMALS)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def write_posts(path, count=480):
    """Writes pairs: does the second text name the first image's colour?"""
    draw = random.Random(0)
    for name, colour in RGB.items():
        Image.new("RGB", (20, 20), colour).save(path.parent / f"{name}.png")
    rows = []
    for number in range(count):
        shown, other = draw.sample(list(RGB), 2)
        told, label = (shown, "Yes") if number % 2 else (other, "No")
        first = (f"picture {number}", f"{shown}.png")
        rows.append((*first, f"it is {told}", "red.png", label))
    return write_csv(
        path, ("text_1", "image_1", "text_2", "image_2", "label"), rows
    )


def write_rectangles(folder, **counts):
    """Writes images of 60 x 40 pixels with a blue or red rectangle each."""
    draw = np.random.default_rng(0)
    names = ("blue", "red")
    for split, count in counts.items():
        (folder / split).mkdir(parents=True)
        images, annotations = [], []
        for number in range(count):
            category = number % 2
            width, height = draw.integers(16, 30, 2).tolist()
            left, top = draw.integers((60 - width, 40 - height)).tolist()
            image = Image.new("RGB", (60, 40), "white")
            image.paste(
                RGB[names[category]], (left, top, left + width, top + height)
            )
            image.save(folder / split / f"{number}.png")
            images.append(
                {
                    "id": number,
                    "file_name": f"{number}.png",
                    "width": 60,
                    "height": 40,
                }
            )
            annotations.append(
                {
                    "image_id": number,
                    "category_id": category,
                    "bbox": [left, top, width, height],
                }
            )
        categories = [{"id": i, "name": name} for i, name in enumerate(names)]
        content = {
            "images": images,
            "annotations": annotations,
            "categories": categories,
        }
        (folder / split / "_annotations.coco.json").write_text(
            json.dumps(content)
        )
    return folder


@pytest.fixture(scope="session")
def rectangles():
    """Returns `rectangles(folder, train=..., valid=..., test=...)`."""
    return write_rectangles


@dataclass(frozen=True)
class Case:
    """A small study of a task, and a question to its model.

    Attributes:
        name: Name of the task.
        options: Options of the command: data, sizes and training.
        question: Arguments of `predict`.
    """

    name: str
    options: tuple[str, ...]
    question: tuple[str, ...]

    @property
    def demo(self):
        return importlib.import_module(f"demos.tasks.{self.name}.options").DEMO

    def parse(self, *arguments):
        return self.demo.parse([*self.options, *arguments])

    def load(self, *arguments):
        """Returns a new task."""
        module = importlib.import_module(f"demos.tasks.{self.name}.task")
        return module.load(self.parse(*arguments))

    def run(self, out, *arguments):
        """Runs the command."""
        return main([self.name, "--out", str(out), *self.options, *arguments])

    def predict(self, out, *arguments):
        """Runs `predict`, with the question by default."""
        arguments = arguments or self.question
        return main([self.name, "predict", "--out", str(out), *arguments])


@pytest.fixture(scope="session")
def cases(tmp_path_factory):
    """The case of each task, by name; their files are written."""
    folder = tmp_path_factory.mktemp("data")
    boxes = write_rectangles(
        folder / "rectangles", train=144, valid=32, test=32
    )
    box = Image.new("RGB", (300, 200), "white")
    box.paste(RGB["red"], (100, 40, 220, 140))
    box.save(folder / "box.png")
    digits = load_images("digits").test
    Image.fromarray(digits.pixels[0, :, :, 0]).save(folder / "digit.png")
    reviews = write_reviews(folder / "reviews.csv")
    phrases = write_translations(folder / "phrases.tsv")
    posts = write_posts(folder / "posts.csv")
    options = {
        "sentiment": [
            *("--dataset", reviews, "--activations", "serf", "--seeds", 0),
            *("--embedding-dim", 16, "--heads", 2),
            *("--epochs", 3, "--batch-size", 32, "--learning-rate", 0.01),
        ],
        "translation": [
            *("--dataset", phrases, "--source", "en", "--target", "de"),
            *("--activations", "serf", "--seeds", 0, "--size", "tiny"),
            *("--feedforward-dim", 64, "--heads", 2, "--vocabulary-size", 400),
            *("--epochs", 40, "--patience", 40, "--learning-rate", 0.01),
            *("--warmup-epochs", 3, "--batch-tokens", 320, "--buckets", 1),
            *("--dropout", 0, "--label-smoothing", 0, "--beam-width", 2),
        ],
        "entailment": [
            *("--dataset", posts, "--activations", "serf", "--seeds", 0),
            *("--image-size", 16, "--embedding-dim", 16, "--hidden-dim", 32),
            *("--heads", 2, "--vocabulary-size", 8, "--epochs", 10),
            *("--batch-size", 32, "--learning-rate", 0.01, "--dropout", 0),
            *("--modality-dropout", 0, "--no-unimodal-baselines"),
        ],
        "classification": [
            *("--dataset", "digits", "--activations", "serf"),
            *("--seeds", 0, 1, "--width", 8),
            *("--epochs", 4, "--learning-rate", 0.01),
        ],
        "detection": [
            *("--dataset", boxes, "--activations", "serf", "--seeds", 0),
            *("--image-size", 32, "--channels", 8, "--layers", 0),
            *("--epochs", 4, "--batch-size", 8, "--learning-rate", 0.02),
        ],
    }
    questions = {
        "sentiment": ["superb witty film", "dull stale plot", ""],
        "translation": ["two red dog.", "four black cow."],
        "entailment": [
            *("--text-1", "picture", "--image-1", folder / "blue.png"),
            *("--text-2", "it is blue", "--image-2", folder / "red.png"),
        ],
        "classification": [folder / "digit.png"],
        "detection": [folder / "box.png", "--save", folder / "detections"],
    }
    return {
        name: Case(
            name,
            tuple(map(str, options[name])),
            tuple(map(str, questions[name])),
        )
        for name in TASKS
    }


@pytest.fixture(scope="session")
def trained(cases, tmp_path_factory):
    """Returns `trained(name)`: the folder of that task's study, trained once.

    Tests only read it.
    """
    folders = {}

    def folder_of(name) -> Path:
        if name not in folders:
            out = tmp_path_factory.mktemp("runs") / name
            assert cases[name].run(out) == 0
            folders[name] = out
        return folders[name]

    return folder_of


@pytest.fixture(params=TASKS)
def case(request, cases):
    """The case of each task."""
    return cases[request.param]


@pytest.fixture
def study(case, trained, trains):
    """The folder of the case's study."""
    return trained(case.name)


class Started(BaseException):
    """Ends a trial before its first epoch.

    Attributes:
        model: The model, compiled.
        data: The batches of training.
        options: Further options of `fit`.
    """

    def __init__(self, model, data, options):
        super().__init__()
        self.model = model
        self.data = data
        self.options = options

    def epoch(self):
        """Returns the batches of an epoch."""
        return [self.data[i] for i in range(len(self.data))]


@pytest.fixture
def started(monkeypatch):
    """Returns `started(task, settings, seed)`: what a trial begins with."""

    def start(task, settings, seed=0):
        def fit(model, data, **options):
            raise Started(model, data, options)

        monkeypatch.setattr(f"demos.tasks.{task.name}.task.fit", fit)
        with pytest.raises(Started) as caught:
            task.run(
                Trial({"activation": "serf", **settings}, seed), TrialContext()
            )
        return caught.value

    return start


SCORES = (
    *("accuracy", "macro_f1", "balanced_accuracy", "loss", "dead_units"),
    *("bleu", "chrf", "bleu_lowercased", "exact_match", "token_accuracy"),
    *("map", "map_50", "log_likelihood"),
)


@pytest.fixture
def blank_figures(monkeypatch):
    """The figures of reports are blank: drawing them takes seconds."""

    def save(figure, file, *, format, **options):
        if format == "svg":
            file.write("<svg><g/></svg>\n")
        else:
            Image.new("L", (1, 1)).save(file, format)

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", save)


@pytest.fixture
def fake_training(monkeypatch, blank_figures):
    """Trials of all tasks end at once, all scores 0.5, without a model.

    The figures are blank. Returns a list of the tasks that trained, with the
    settings of each trial.
    """
    trained = []

    def train(self, trial, context):
        trained.append((self, trial))
        metrics = {
            f"{part}{name}": 0.5
            for part in ("", "validation_")
            for name in SCORES
        }
        metrics["dead_units_at_first"] = 0.0
        curves = [*SCORES, *(f"val_{name}" for name in SCORES)]
        return TrialResult(
            metrics,
            {name: [0.5] * self.epochs for name in curves},
            parameters=3,
            save=None,
            timings={"training": 1.0, "waiting_for_data": 0.0},
        )

    for name in TASKS:
        module = importlib.import_module(f"demos.tasks.{name}.task")
        monkeypatch.setattr(module.TASK, "train", train)
    # There are no models to clear, and the garbage collector is slow.
    monkeypatch.setattr("demos.training.task.start_trial", lambda trial: None)
    return trained
