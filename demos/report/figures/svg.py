"""Inline SVG figures, which use the light or dark colours of the page."""

import io
import re

import matplotlib as mpl

from demos.report.types import Chart

# Colours of the figure, and of the page. Text on cells has its own colours.
COLOURS = {
    "#000000": "currentColor",
    "#ffffff": "var(--paper)",
    "#595959": "var(--faint)",
    "#cccccc": "var(--line)",
}


def inline_svg(chart: Chart) -> str:
    """Returns a chart as the content of an `<svg>` element."""
    file = io.StringIO()
    with mpl.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": chart.name,  # No two figures share an id.
            "font.sans-serif": ["DejaVu Sans"],
        }
    ):
        chart.figure.savefig(
            file, format="svg", dpi=150, metadata={"Date": None}
        )
    text = re.sub(r"<!--.*?-->", "", file.getvalue(), flags=re.DOTALL)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text[text.index("<svg") :])
    # Rounds the coordinates of tags to hundredths of a point.
    text = re.sub(
        r"<[^>]+>", lambda tag: re.sub(r"(\.\d\d)\d+", r"\1", tag[0]), text
    )
    for colour, variable in COLOURS.items():
        text = text.replace(colour, variable)
    return text.partition(">")[2].removesuffix("</svg>\n")
