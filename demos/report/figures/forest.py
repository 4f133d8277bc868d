"""Rows of a forest plot, and their layout on a page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from demos.report import verdict
from demos.report.comparisons import Analysis, Comparison
from demos.report.figures.style import style_of
from demos.report.trials import level_name

MOST_LEVELS = 24  # With more rows, the plot would not be legible.


@dataclass(frozen=True)
class Row:
    """A difference, positive if the reference is better.

    Attributes:
        label: Label: the other activation, and the level.
        activation: The other activation, which sets the colour.
        word: The verdict.
        text: The numbers.
        mean: Mean difference.
        low: Lower limit of its interval; NaN without one.
        high: Upper limit.
        seeds: The difference at each seed.
    """

    label: str
    activation: str
    word: str
    text: str
    mean: float
    low: float
    high: float
    seeds: Sequence[float] = ()


def rows(comparisons: Sequence[Comparison], analysis: Analysis) -> list[Row]:
    """Returns the rows of comparisons; none if there are too many levels."""
    metric = analysis.metric
    if len(comparisons) > MOST_LEVELS:
        return []
    found = []
    for c in comparisons:
        text = metric.amount(c.mean, "+")
        if not math.isnan(c.low):
            limits = (metric.number(v, "+") for v in (c.low, c.high))
            text += f" ({' to '.join(limits)})"
        mean, low, high = (metric.scale * v for v in (c.mean, c.low, c.high))
        label = ", ".join(filter(None, [c.other, level_name(c.level)]))
        seeds = [metric.scale * value for value in c.values]
        if c.values:
            found.append(
                Row(label, c.other, c.word, text, mean, low, high, seeds)
            )
    return found


def layout(
    rows: Sequence[Row], margin: float, reference: str, caption: str
) -> dict[str, Any]:
    """Lays out a forest plot for `macros.html`, in percent of its width.

    Args:
        rows: From top to bottom.
        margin: Half the width of the band around 0; 0 for none.
        reference: The activation that is compared with the others.
        caption: Caption, with the unit.
    """
    numbers = [abs(v) for r in rows for v in (r.mean, r.low, r.high, *r.seeds)]
    known = [v for v in (*numbers, margin) if not math.isnan(v)]
    limit = 1.08 * max(known, default=0) or 1.0

    def place(value: float) -> float:
        return round(50 + 50 * value / limit, 2)

    return {
        "reference": reference,
        "caption": caption,
        "band": (place(-margin), round(100 * margin / limit, 2)),
        "ticks": [(place(t), f"{t:+g}" if t else "0") for t in ticks(limit)],
        "rows": [
            {
                "label": row.label,
                "chip": chip(row.word, reference),
                "word": row.word,
                "text": row.text,
                "colour": style_of(row.activation)["color"],
                "mean": place(row.mean),
                "ends": None
                if math.isnan(row.low)
                else (place(row.low), place(row.high)),
                "seeds": [place(value) for value in row.seeds],
            }
            for row in rows
        ],
    }


def chip(word: str, reference: str) -> str:
    """Returns the label of a verdict, which says who is better.

    Example:

    >>> chip("better", "serf"), chip("equivalent", "serf")
    ('serf better', 'equivalent')
    """
    directed = word in (verdict.BETTER, verdict.WORSE)
    return f"{reference} {word}" if directed else word


def ticks(limit: float) -> list[float]:
    """Returns three ticks: 0 and a round number on both sides.

    Example:

    >>> ticks(7.3)
    [-5.0, 0, 5.0]
    """
    decade = 10.0 ** math.floor(math.log10(limit))
    step = max(m * decade for m in (0.5, 1, 2, 5) if m * decade <= 0.8 * limit)
    return [-step, 0, step]
