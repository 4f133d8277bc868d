"""How exact Serf is: its largest errors, found on every backend.

`python -m demos accuracy` runs each installed backend in processes of its own,
and there each activation in each mode and dtype, on a fixed sample of numbers
or, `--exhaustive`, on all that there are. The folder that it writes:

    table.csv, table.md, figure.png
    records/jax-1b2c.../     what the finished chunks of numbers gave: the
                             same command goes on from there
    logs/jax-0.txt           what the frameworks said meanwhile

The error of a result y for the exact value r is |y - r| over a unit:

    f     an ulp: the spacing of the dtype at r rounded to it
    f'    eps (|G| + |x D|), where f' = G + x D, G = f/x and D = G'
    f''   eps (|2 D| + |x D'|), where f'' = 2 D + x D'

with eps the spacing of the dtype at 1. For Serf, G = erf(s) and
D = (2 / sqrt(pi)) e^(-s^2) sigmoid(x). Where e^x, e^(-s^2), x or f is subnormal
hardware may flush to zero: there the absolute error is judged, and is to stay
below what flushing e^x takes from f, or from f'' (1.2e-36 and 6e-36 in
float32). Normal x of less than 64 times the least normal number, products of
which may be subnormal, are judged apart from the others: `near zero`.
"""

import functools
import hashlib
import importlib.util
import json
import math
import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demos.common.cli import parse
from demos.common.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from demos.benchmarks.execution_modes import Evaluate
    from demos.benchmarks.reference_activations import Peer

COMMAND = "python -m demos accuracy"
REPOSITORY = Path(__file__).resolve().parents[3]

Array = NDArray[Any]
BACKENDS = ("tensorflow", "jax", "torch", "numpy", "openvino")
DTYPES = ("float32", "float16", "bfloat16", "float64")
MODES = ("eager", "graph", "compiled", "onnx", "litert", "openvino")


OURS, COMPOSED = "serf", "serf (composed)"
# Measured beside Serf for scale, in float32.
OTHERS = ("silu", "gelu (erf)", "mish")
QUANTITIES = ("value", "derivative", "second_derivative")
# f again, at the least of the normal x.
NEAR_ZERO = "near zero"
SYMBOLS = {
    "value": "f",
    "derivative": "f′",
    "second_derivative": "f″",
    NEAR_ZERO: "f near 0",
}
# Where that ends, in least normal numbers, and where tails are flushed.
MARGIN = {"value": 64, "derivative": 64, "second_derivative": 512}
# The promises, in the units above. Half a unit is what rounding to a half type
# takes at least; a hundredth is for what comes before. f'' has no promise but
# to be finite.
PROMISED = {"float32": 4.0, "float16": 0.51, "bfloat16": 0.51, "float64": 8.0}
ENDS = {
    "value": {-math.inf: 0.0, math.inf: math.inf, math.nan: math.nan},
    "derivative": {-math.inf: 0.0, math.inf: 1.0},
    "second_derivative": {},
}

PATTERNS = 2**32  # of 32 bits
CHUNK = 2**22  # numbers that a record is of, at most
BLOCK = 2**18  # numbers that are given to a framework at once
NEIGHBOURS = 2**14  # to each side of a hard place
# Zero; the minimum; where the tables of the kernel change over or end; where
# f = x in float32; where e^x becomes subnormal, and where it vanishes.
HARD = (0.0, -1.1930599, -1.0, 1.0, 4.25, 17.5, -87.33654, -104.0)
SPAN, BINS = (-100.0, 20.0), 240  # of the figure
PRECISE = 4096  # numbers of float64, whose reference takes its time
DIGITS = 40  # of that reference
# Raise it when the same results would be measured otherwise than before.
MEASURE = 1


@dataclass(frozen=True)
class AccuracyOptions:
    """Measures the errors of Serf and of other activations, in ulps."""

    backends: tuple[str, ...] = BACKENDS
    """Keras' backends; those that are not installed are skipped."""

    dtypes: tuple[str, ...] = DTYPES
    """Types of number. The half types are always tried in full."""

    modes: tuple[str, ...] = MODES
    """Ways to run them. graph is tf.function; compiled is jax.jit,
    tf.function(jit_compile=True) and torch.compile; the last three are runtimes
    that a Keras model is exported to, measured on the value in float32."""

    exhaustive: bool = False
    """Try this library's Serf on all 2^32 numbers of float32, eager and
    compiled, instead of on a sample."""

    samples: int = 2**20
    """How many numbers of float32 to sample, evenly among the 2^32 bit
    patterns; hard places and a grid come on top."""

    jobs: int = 2
    """How many processes may work at the same time."""

    out: Path = Path("runs/accuracy")
    """Folder for the table, the figure and the records."""


@dataclass(frozen=True)
class Subject:
    """What is measured: an activation on a backend, in a mode and a dtype."""

    activation: str
    mode: str
    dtype: str

    @property
    def key(self) -> str:
        """Identifies it among the records of a backend."""
        return f"{self.activation}|{self.mode}|{self.dtype}"


@dataclass(frozen=True)
class Chunk:
    """A reproducible set of numbers.

    Attributes:
        name: Says which, for ever.
        dtype: Of the numbers.
        size: How many there are.
        points: Makes them.
        binned: Whether their errors are kept by bins of x, for the figure.
    """

    name: str
    dtype: str
    size: int
    points: Callable[[], Array]
    binned: bool = False


@dataclass(frozen=True)
class Sweep:
    """Chunks, and the subjects that are tried on all of them.

    Attributes:
        chunks: Of one dtype.
        subjects: Of the same dtype.
        block: How many numbers a subject is given at once.
    """

    chunks: tuple[Chunk, ...]
    subjects: tuple[Subject, ...]
    block: int


@dataclass(frozen=True)
class Truth:
    """The exact values of one quantity, and how to judge errors.

    Attributes:
        exact: Rounded to float64.
        rest: What that rounding lost.
        unit: Of the error; infinite where the absolute error is judged.
        allowance: The largest absolute error there.
        near_zero: Where |x| is normal, but hardly.
    """

    exact: Array
    rest: Array
    unit: Array
    allowance: float
    near_zero: Array


@dataclass(frozen=True)
class Finding:
    """What one quantity gave on some numbers.

    Attributes:
        inputs: How many finite numbers were tried.
        error: The largest error of a finite result, in units.
        at: Where.
        nonfinite: How many finite numbers gave NaN or an infinity.
        example: The least of them in size.
        flushed: Largest absolute error where units do not count, over what is
            allowed.
        ends: The wrong results at -inf, inf and NaN.
        bins: The largest error in each bin of `SPAN`; empty without bins.
    """

    inputs: int = 0
    error: float = 0.0
    at: float | None = None
    nonfinite: int = 0
    example: float | None = None
    flushed: float = 0.0
    ends: tuple[str, ...] = ()
    bins: tuple[float, ...] = ()

    def __add__(self, other: "Finding") -> "Finding":
        """Returns what both gave together."""
        worse = self if self.error >= other.error else other
        bins = self.bins or other.bins
        if self.bins and other.bins:
            bins = tuple(map(max, self.bins, other.bins))
        return Finding(
            inputs=self.inputs + other.inputs,
            error=worse.error,
            at=worse.at,
            nonfinite=self.nonfinite + other.nonfinite,
            example=min(
                (e for e in (self.example, other.example) if e is not None),
                key=abs,
                default=None,
            ),
            flushed=max(self.flushed, other.flushed),
            ends=tuple(sorted({*self.ends, *other.ends})),
            bins=bins,
        )


@dataclass(frozen=True)
class Row:
    """All that is known of a subject.

    Attributes:
        backend: Its Keras backend.
        version: Package and version of what runs it.
        source: Package and version that the activation comes from.
        subject: The subject.
        findings: By quantity, of all chunks together.
        missing: How many chunks are not among them.
        reason: Why they are not.
    """

    backend: str
    version: str
    source: str
    subject: Subject
    findings: Mapping[str, Finding] = field(default_factory=dict)
    missing: int = 0
    reason: str = ""


# The command.


def main(arguments: Sequence[str]) -> int:
    """Runs the command.

    Args:
        arguments: The command line behind `accuracy`.

    Returns:
        The exit code: 0 if Serf keeps its promises, 1 if not.

    Raises:
        UserError: An option cannot be met.
    """
    options = parse(AccuracyOptions, arguments, COMMAND)
    _check(options)
    backends = _installed(options.backends)
    shares = [
        (backend, number)
        for backend in backends
        for number in range(options.jobs if options.exhaustive else 1)
    ]
    # As the code is now: it may be edited meanwhile.
    folders = {backend: records(options, backend) for backend in backends}
    failed = _work(options, shares, folders)
    rows = [row for b in backends for row in gather(options, b, folders[b])]
    if not any(row.findings for row in rows):
        raise UserError(
            "nothing could be measured; see the files in "
            f"{options.out / 'logs'}"
        )
    text = write(options.out, rows)
    print(text)
    if failed:
        print(
            f"error: {', '.join(failed)} failed; the files of these names in "
            f"{options.out / 'logs'} say why",
            file=sys.stderr,
        )
    print(f"\nwrote {options.out}/table.csv, table.md, figure.png")
    return 1 if failed or broken(rows) else 0


def _check(options: AccuracyOptions) -> None:
    for name in ("samples", "jobs"):
        if getattr(options, name) < 1:
            raise UserError(
                f"Expected --{name} to be at least 1. Received: "
                f"{getattr(options, name)}"
            )
    if options.samples > PATTERNS:
        raise UserError(
            f"Expected --samples to be at most 2^32, which is --exhaustive. "
            f"Received: {options.samples}"
        )
    known = {"backends": BACKENDS, "dtypes": DTYPES, "modes": MODES}
    for name, choices in known.items():
        given = getattr(options, name)
        if not given or not set(given) <= set(choices):
            raise UserError(
                f"Expected --{name} to be among {', '.join(choices)}. "
                f"Received: {', '.join(given) or 'none'}"
            )
    if "float64" in options.dtypes and not _is_installed("mpmath"):
        raise UserError(
            "float64 is measured with mpmath; install it with: "
            'pip install -e ".[test]", or choose other --dtypes'
        )
    from demos.common.files import check_writable

    check_writable(options.out)


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _installed(backends: Iterable[str]) -> list[str]:
    found = []
    for backend in dict.fromkeys(backends):
        if _is_installed(backend):
            found.append(backend)
        else:
            print(f"{backend} is not installed: skipped", file=sys.stderr)
    if not found:
        raise UserError(
            "none of the backends is installed; install one with: "
            'pip install -e ".[tensorflow]"'
        )
    return found


# What is tried on what.


def plan(
    backend: str, names: Sequence[str], options: AccuracyOptions
) -> list[Sweep]:
    """Decides what is tried on what.

    Args:
        backend: The Keras backend.
        names: The activations that there are.
        options: Of the command.

    Returns:
        The sweeps. Serf comes in each dtype, others in float32 alone; the
        float64 reference is that of Serf.
    """
    from demos.benchmarks.execution_modes import OWN

    serfs = [name for name in names if name.startswith(OURS)]
    others = [name for name in OTHERS if name in names]
    sweeps = []
    for dtype in options.dtypes:
        subjects = [
            Subject(name, mode, dtype)
            for name in {
                "float32": serfs + others,
                "float64": serfs,
            }.get(dtype, [OURS, COMPOSED])
            for mode in options.modes
            if mode in OWN or (name in (OURS, COMPOSED) and dtype == "float32")
            if mode != "graph" or backend == "tensorflow"
        ]
        chunks = sample(dtype, options.samples)
        block = min(BLOCK, max(chunk.size for chunk in chunks))
        sweeps.append(Sweep(tuple(chunks), tuple(subjects), block))
    if options.exhaustive and "float32" in options.dtypes:
        ours = [
            subject
            for mode in options.modes
            if _is_swept(subject := Subject(OURS, mode, "float32"))
        ]
        sweeps.append(Sweep(tuple(everything()), tuple(ours), BLOCK))
    return sweeps


def _is_swept(subject: Subject) -> bool:
    """Whether it is tried on all there is, where that is asked for."""
    return (
        subject.activation == OURS
        and subject.dtype == "float32"
        and subject.mode in ("eager", "compiled")
    )


def everything() -> list[Chunk]:
    """Returns the chunks of all float32 bit patterns."""

    def points(start: int) -> Array:
        patterns = np.arange(start, start + CHUNK, dtype="uint32")
        return patterns.view("float32")

    return [
        Chunk(
            f"float32 from {start:#010x}",
            "float32",
            CHUNK,
            functools.partial(points, start),
        )
        for start in range(0, PATTERNS, CHUNK)
    ]


def sample(dtype: str, count: int) -> list[Chunk]:
    """Returns the chunks of a sample: the same ones each time.

    Args:
        dtype: float16 and bfloat16 come whole.
        count: How many bit patterns of float32 are spread evenly.
    """
    if dtype == "float64":
        points = functools.partial(_sampled_float64, PRECISE)
        return [Chunk("float64 sample", dtype, PRECISE, points)]
    if dtype != "float32":
        points = functools.partial(_all_of_16_bits, dtype)
        return [Chunk(f"{dtype} whole", dtype, 2**16, points)]
    hard, grid = _hard_places(), 2**19
    chunks = [
        Chunk("float32 hard places", dtype, hard.size, _hard_places),
        Chunk(
            "float32 grid",
            dtype,
            grid,
            lambda: np.linspace(*SPAN, grid, dtype="float32"),
            binned=True,
        ),
    ]
    for first in range(0, count, CHUNK):
        last = min(first + CHUNK, count)
        chunks.append(
            Chunk(
                f"float32 {first} to {last} of {count}",
                dtype,
                last - first,
                functools.partial(_strata, first, last, count),
            )
        )
    return chunks


def _strata(first: int, last: int, count: int) -> Array:
    """Draws a bit pattern from each of `count` equal parts of all of them."""
    edges = np.arange(first, last + 1, dtype="int64") * PATTERNS // count
    draw = np.random.default_rng(first)
    return draw.integers(edges[:-1], edges[1:]).astype("uint32").view("float32")


def _all_of_16_bits(dtype: str) -> Array:
    return np.arange(2**16, dtype="uint16").view(_numpy_dtype(dtype))


def _hard_places() -> Array:
    """Returns neighbours of `HARD`, the ends, and all of the half types."""
    steps = np.arange(-NEIGHBOURS, NEIGHBOURS + 1)
    parts = [_specials("float32")]
    for place in np.array(HARD, "float32"):
        # Counted from zero along the line of floats; -n is sign and magnitude.
        size = int(np.abs(place).view("uint32"))
        at = (size if place >= 0 else -size) + steps
        bits = np.where(at < 0, 2**31 - at, at).astype("uint32")
        parts.append(bits.view("float32"))
    parts += [
        _all_of_16_bits(dtype).astype("float32")
        for dtype in ("float16", "bfloat16")
    ]
    return np.concatenate(parts)


def _sampled_float64(count: int) -> Array:
    draw = np.random.default_rng(0)
    specials = _specials("float64")
    quarter = count // 4
    tiny = draw.uniform(-300, 0, quarter)
    signs = draw.choice([-1.0, 1.0], quarter)
    near = np.repeat(HARD, quarter // len(HARD))
    parts = [
        specials,
        signs * 10.0**tiny,
        near + draw.normal(0, 1e-3, near.size),
        draw.uniform(-760, 40, quarter),
    ]
    rest = count - sum(map(len, parts))
    return np.concatenate([*parts, draw.uniform(-40, 10, rest)])


def _specials(dtype: str) -> Array:
    limits = np.finfo(dtype)
    sizes = np.array(
        [0, limits.smallest_subnormal, limits.tiny, limits.max, math.inf], dtype
    )
    return np.concatenate([sizes, -sizes, np.array([math.nan], dtype)])


def _numpy_dtype(dtype: str) -> Any:
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


# Exact values, and errors.


def truths(activation: str, x: Array) -> dict[str, Truth]:
    """Computes exact values, and how to judge errors.

    Args:
        activation: Any Serf, or one of `OTHERS`.
        x: Numbers, in the dtype to judge by.

    Returns:
        The truth of each quantity that has a reference. Where x is not finite
        it says nothing.
    """
    import ml_dtypes

    limits = ml_dtypes.finfo(x.dtype)
    eps, least = float(limits.eps), float(limits.smallest_subnormal)
    # The half types are computed in float32.
    inner = np.finfo("float64" if x.dtype == "float64" else "float32")
    tiny = float(inner.tiny)
    border = math.log(tiny)
    wide = _float64(x)
    finite = np.isfinite(wide)
    wide[~finite] = 0.0
    reference = _reference(activation, x.dtype == "float64")
    exact, rest, scales = reference(wide)

    with np.errstate(over="ignore", under="ignore"):
        rounded = np.abs(exact["value"]).astype(x.dtype)
        units = {"value": np.spacing(rounded).astype("float64")}
        # The tail of f, not its root.
        scales["value"] = np.where(wide < -1, np.abs(exact["value"]), 1.0)
        for name in exact:
            if name != "value":
                units[name] = np.maximum(eps * scales[name], least)
    near_zero = (np.abs(wide) >= tiny) & (np.abs(wide) < 64 * tiny)
    found = {}
    for name in exact:
        judged = finite & (wide > border)
        judged &= scales[name] >= MARGIN[name] * tiny
        if name == "value":
            judged &= np.abs(wide) >= tiny
            judged &= np.abs(exact[name]) >= tiny
        found[name] = Truth(
            exact[name],
            rest.get(name, np.zeros_like(wide)),
            np.where(judged, units[name], np.inf),
            max(MARGIN[name], 1.15 * abs(border)) * tiny,
            near_zero,
        )
    return found


# The quantities, what rounding them lost, and the scales of those units that
# are no ulps.
Exact = tuple[dict[str, Array], dict[str, Array], dict[str, Array]]


def _reference(activation: str, precise: bool) -> Callable[[Array], Exact]:
    if activation.startswith(OURS):
        return _precise_serf if precise else _serf
    return functools.partial(_gated, _OTHERS[activation])


def _serf(x: Array) -> Exact:
    from scipy.special import expit

    from keras_serf import theory

    exact, rest, scales = _gated(
        lambda x: (theory.serf(x), theory.derivative(x)), x
    )
    exact["second_derivative"] = theory.second_derivative(x)
    double = 2 * theory.preconditioner(x) * expit(x)
    scales["second_derivative"] = double + np.abs(
        exact["second_derivative"] - double
    )
    return exact, rest, scales


def _gated(function: Callable[[Array], tuple[Array, Array]], x: Array) -> Exact:
    """Returns f = x G and f' = G + x D, and the size of the latter's terms."""
    value, slope = function(x)
    with np.errstate(invalid="ignore", divide="ignore"):
        gate = np.where(x == 0, slope, value / x)
    scale = np.abs(gate) + np.abs(slope - gate)
    return {"value": value, "derivative": slope}, {}, {"derivative": scale}


def _silu(x: Array) -> tuple[Array, Array]:
    from scipy.special import expit

    return x * expit(x), expit(x) * (1 + x * expit(-x))


def _gelu(x: Array) -> tuple[Array, Array]:
    from scipy.special import ndtr

    with np.errstate(over="ignore"):
        density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return x * ndtr(x), ndtr(x) + x * density


def _mish(x: Array) -> tuple[Array, Array]:
    from scipy.special import expit

    gate = np.tanh(np.logaddexp(0.0, x))
    return x * gate, gate + x * expit(x) * (1 - gate * gate)


_OTHERS = {"silu": _silu, "gelu (erf)": _gelu, "mish": _mish}


def _precise_serf(x: Array) -> Exact:
    """Computes Serf with mpmath."""
    import mpmath as mp

    def at(x: float) -> tuple[Any, ...]:
        u = mp.exp(x)
        s, sigmoid = mp.log1p(u), u / (1 + u)
        g = mp.erf(s)
        d = 2 / mp.sqrt(mp.pi) * mp.exp(-s * s) * sigmoid
        bend = x * d * (1 - sigmoid - 2 * s * sigmoid)
        return (
            *(x * g, g + x * d, 2 * d + bend),
            *(abs(g) + abs(x * d), abs(2 * d) + abs(bend)),
        )

    with mp.workdps(DIGITS):
        # Beyond 40, G is 1 to these digits; below -1e4 nothing is left.
        found = [at(mp.mpf(min(v, 40.0))) if v > -1e4 else [0] * 5 for v in x]
        columns = [*zip(*found, strict=True)]
        rounded = [np.array([float(v) for v in c]) for c in columns]
        lost = [
            np.array([float(v - r) for v, r in zip(c, near, strict=True)])
            for c, near in zip(columns, rounded, strict=True)
        ]
    rounded[0] = np.where(x > 40, x, rounded[0])
    lost[0] = np.where(x > 40, 0.0, lost[0])
    return (
        dict(zip(QUANTITIES, rounded[:3], strict=True)),
        dict(zip(QUANTITIES, lost[:3], strict=True)),
        dict(zip(QUANTITIES[1:], rounded[3:], strict=True)),
    )


def measure(
    quantity: str, x: Array, y: Array, truth: Truth, binned: bool = False
) -> Finding:
    """Compares results with the truth.

    Args:
        quantity: One of `QUANTITIES`.
        x: Numbers, finite or not.
        y: The results there, of any dtype.
        truth: Of that quantity at `x`.
        binned: Whether to keep the errors by bins of x.
    """
    x, y = _float64(x), _float64(y)
    given, good = np.isfinite(x), np.isfinite(y)
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(y - truth.exact - truth.rest)
        error = off / truth.unit
    if not good.all():
        error[~good] = 0.0
    worst = int(np.argmax(error))
    inputs = int(np.count_nonzero(given))
    bad = given & ~good
    nonfinite = int(np.count_nonzero(bad))
    loose = given & good & np.isinf(truth.unit)
    flushed = np.max(off, where=loose, initial=0.0) / truth.allowance
    return Finding(
        inputs=inputs,
        error=float(error[worst]),
        at=float(x[worst]) if error[worst] > 0 else None,
        nonfinite=nonfinite,
        example=float(min(x[bad], key=abs)) if nonfinite else None,
        flushed=float(flushed),
        ends=() if inputs == x.size else _wrong_ends(quantity, x, y),
        bins=_binned(x, error) if binned else (),
    )


def _float64(x: Array) -> Array:
    with np.errstate(invalid="ignore"):  # Signalling NaNs.
        return x.astype("float64")


def _wrong_ends(quantity: str, x: Array, y: Array) -> tuple[str, ...]:
    wrong = []
    for end, expected in ENDS[quantity].items():
        at = np.isnan(x) if math.isnan(end) else x == end
        right = np.isnan(y) if math.isnan(expected) else y == expected
        if (at & ~right).any():
            found = y[np.argmax(at & ~right)]
            wrong.append(f"{SYMBOLS[quantity]}({end:g}) = {found:g}")
    return tuple(wrong)


def _binned(x: Array, error: Array) -> tuple[float, ...]:
    low, high = SPAN
    inside = (x >= low) & (x <= high)
    place = ((x[inside] - low) / (high - low) * BINS).astype("int64")
    bins = np.zeros(BINS)
    np.maximum.at(bins, np.minimum(place, BINS - 1), error[inside])
    return tuple(map(float, bins))


# Records: what each process has finished.


def fingerprint(backend: str) -> str:
    """Identifies what results depend on: code and versions.

    Args:
        backend: The Keras backend.

    Returns:
        Hexadecimal digits, other ones after a change of the kernels, of what
        runs or measures them, or of a package.
    """
    from demos.common.environment import fingerprint_of

    library, demos = REPOSITORY / "keras_serf", REPOSITORY / "demos"
    sources = [
        *sorted((library / "kernels").glob("*.py")),
        *(library / name for name in ("activation.py", "theory.py")),
        *(demos / name for name in ("modes.py", "peers.py", "runtimes.py")),
    ]
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.read_bytes())
    packages = {
        *("keras", "numpy", "scipy", "mpmath", "ml_dtypes", backend),
        *("onnxruntime", "ai-edge-litert", "openvino"),
        *("e3x", "torch-activation", "ActTensor-tf"),
    }
    versions = {package: _version(package) for package in packages}
    config = {"sources": digest.hexdigest(), "measure": MEASURE}
    return fingerprint_of(config, versions)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


class Journal:
    """A file of JSON lines that only grows, and those beside it.

    A line that a kill has cut short is dropped.

    Args:
        folder: Of the journals of a backend.
        name: Of this process' own journal.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            with self._path.open("r+b") as file:
                file.truncate(file.read().rfind(b"\n") + 1)

    def append(self, line: Mapping[str, Any]) -> None:
        """Adds a line, for ever."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def lines(folder: Path) -> Iterator[dict[str, Any]]:
    """Reads all journals in a folder.

    Args:
        folder: It need not exist.
    """
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            # The last may be cut short.
            if line.endswith("}"):
                yield json.loads(line)


def done(folder: Path) -> dict[str, set[str]]:
    """Returns, by name of chunk, the keys of the subjects tried on it."""
    found: dict[str, set[str]] = {}
    for line in lines(folder):
        if "chunk" in line:
            found.setdefault(line["chunk"], set()).update(line["findings"])
    return found


def records(options: AccuracyOptions, backend: str) -> Path:
    """Returns the folder of the journals of a backend, as it is today."""
    return options.out / "records" / f"{backend}-{fingerprint(backend)}"


# A process: one backend, one share of the chunks.

Build = Callable[[Subject, int], "Evaluate"]


def run(
    sweeps: Sequence[Sweep],
    build: Build,
    folder: Path,
    say: Callable[[Mapping[str, Any]], None],
    share: int = 0,
    shares: int = 1,
) -> None:
    """Tries subjects on the chunks that no process has tried them on.

    Args:
        sweeps: What is to be tried on what.
        build: Makes a subject run; called with it and the size of its blocks.
        folder: Of the journals.
        say: Is told {"total": numbers to try} and then {"done": numbers, "on":
            name of the chunk}.
        share: Which part of the chunks is tried here. The first takes all of
            a sweep of few chunks.
        shares: How many parts there are.
    """
    journal = Journal(folder, str(share))
    finished = done(folder)
    pending = []
    for sweep in sweeps:
        chunks = sweep.chunks
        if len(chunks) >= 64:
            chunks = chunks[share::shares]
        elif share:
            continue
        todo = [
            (chunk, missing)
            for chunk in chunks
            if (
                missing := [
                    subject
                    for subject in sweep.subjects
                    if subject.key not in finished.get(chunk.name, ())
                ]
            )
        ]
        pending.append((sweep, todo))
    total = sum(
        chunk.size * len(missing)
        for _, todo in pending
        for chunk, missing in todo
    )
    say({"total": total})
    for sweep, todo in pending:
        _sweep(sweep, todo, build, journal, say)


def _sweep(
    sweep: Sweep,
    todo: Sequence[tuple[Chunk, Sequence[Subject]]],
    build: Build,
    journal: Journal,
    say: Callable[[Mapping[str, Any]], None],
) -> None:
    wanted = {s.key: s for _, missing in todo for s in missing}
    running: dict[str, Evaluate] = {}

    def fail(key: str, error: Exception) -> None:
        running.pop(key, None)
        journal.append({"subject": key, "reason": _reason(error)})

    for key, subject in wanted.items():
        try:
            running[key] = build(subject, sweep.block)
        except Exception as error:  # Whatever it is, the others go on.
            fail(key, error)
    for chunk, missing in todo:
        if not running:
            break
        x = chunk.points()
        findings: dict[str, dict[str, Finding]] = {}
        for start in range(0, x.size, sweep.block):
            block = x[start : start + sweep.block]
            known: dict[str, dict[str, Truth]] = {}
            for subject in missing:
                if subject.key not in running:
                    continue
                try:
                    found = _try(
                        subject,
                        running[subject.key],
                        block,
                        sweep.block,
                        known,
                        chunk.binned,
                    )
                except Exception as error:
                    fail(subject.key, error)
                    findings.pop(subject.key, None)
                    continue
                before = findings.get(subject.key, {})
                findings[subject.key] = {
                    name: before.get(name, Finding()) + finding
                    for name, finding in found.items()
                }
        journal.append(
            {
                "chunk": chunk.name,
                "findings": {
                    key: {name: asdict(f) for name, f in found.items()}
                    for key, found in findings.items()
                },
            }
        )
        say({"done": chunk.size * len(missing), "on": chunk.name})


def _try(
    subject: Subject,
    evaluate: "Evaluate",
    x: Array,
    size: int,
    known: dict[str, dict[str, Truth]],
    binned: bool,
) -> dict[str, Finding]:
    """Tries a subject on a block; what is `known` of it is added to."""
    kind = OURS if subject.activation.startswith(OURS) else subject.activation
    if kind not in known:
        known[kind] = truths(kind, x)
    # One shape, or each would be compiled.
    results = evaluate(np.pad(x, (0, size - x.size), "edge"))
    found: dict[str, Finding] = {}
    for name, y in zip(QUANTITIES, results, strict=True):
        if y is not None:
            found |= _measured(name, x, y[: x.size], known[kind][name], binned)
    return found


def _measured(
    name: str, x: Array, y: Array, truth: Truth, binned: bool
) -> dict[str, Finding]:
    """Measures f near zero apart from the rest."""
    near = truth.near_zero
    if name != "value" or not near.any():
        return {name: measure(name, x, y, truth, binned)}
    parts = {}
    for part, where in ((NEAR_ZERO, near), (name, ~near)):
        if not where.any():
            continue
        there = replace(
            truth,
            exact=truth.exact[where],
            rest=truth.rest[where],
            unit=truth.unit[where],
        )
        parts[part] = measure(name, x[where], y[where], there, binned)
    return parts


def _reason(error: Exception) -> str:
    """Returns an error in one short line."""
    from demos.benchmarks.execution_modes import UnavailableError

    text = " ".join(str(error).split())
    if not isinstance(error, UnavailableError):
        text = f"{type(error).__name__}: {text}"
    return text if len(text) <= 300 else text[:297] + "..."


def work(task: Mapping[str, Any]) -> None:
    """Does the share of a process; it is what the process runs.

    Args:
        task: What `_work` says: the command's options, the backend, the share.
    """
    from demos.common.backend import choose_backend

    # What frameworks print goes to the log, what is said here to the parent.
    spoken = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    backend = task["backend"]
    choose_backend(backend)
    from demos.benchmarks import execution_modes as modes
    from demos.benchmarks.reference_activations import peers

    options = AccuracyOptions(
        **{**task["options"], "out": Path(task["options"]["out"])}
    )
    folder = Path(task["records"])
    found: dict[str, Peer] = {peer.name: peer for peer in peers()}
    sweeps = plan(backend, list(found), options)

    def build(subject: Subject, size: int) -> "Evaluate":
        orders = 2 if subject.activation.startswith(OURS) else 1
        return modes.evaluator(
            found[subject.activation].function,
            subject.mode,
            subject.dtype,
            size,
            orders,
        )

    if not task["share"]:
        journal = Journal(folder, "0")
        for subject in dict.fromkeys(s for w in sweeps for s in w.subjects):
            journal.append(
                {
                    "subject": subject.key,
                    "version": modes.version(backend, subject.mode),
                    "source": found[subject.activation].source,
                }
            )
    run(
        sweeps,
        build,
        folder,
        lambda message: print(json.dumps(message), file=spoken),
        task["share"],
        task["shares"],
    )


# The parent: runs the processes, shows how far they are.


def _work(
    options: AccuracyOptions,
    shares: Sequence[tuple[str, int]],
    folders: Mapping[str, Path],
) -> list[str]:
    """Runs a process for each share; returns the names of those that failed."""
    from tqdm import tqdm

    logs = options.out / "logs"
    try:
        logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {options.out}: {error}") from None
    messages: queue.Queue[dict[str, Any]] = queue.Queue()
    processes: list[subprocess.Popen[str]] = []

    def one(backend: str, share: int) -> None:
        name = f"{backend}-{share}"
        code: int | None = None
        try:
            with (
                (logs / f"{name}.txt").open("w") as log,
                _start(
                    options, backend, share, folders[backend], log
                ) as process,
            ):
                processes.append(process)
                for line in process.stdout or ():
                    messages.put({"from": backend, **json.loads(line)})
            code = process.returncode
        finally:
            messages.put({"from": backend, "name": name, "ended": code})

    failed = []
    bar = tqdm(
        total=0,
        disable=not sys.stderr.isatty(),
        dynamic_ncols=True,
        leave=False,
        bar_format="{desc} {bar} {percentage:3.0f}%, {remaining} left",
    )
    running = len(shares)
    total = numbers = 0
    told = time.monotonic()
    pool = ThreadPoolExecutor(options.jobs)
    try:
        for share in shares:
            pool.submit(one, *share)
        while running:
            message = messages.get()
            total += message.get("total", 0)
            numbers += message.get("done", 0)
            bar.total = total
            bar.update(message.get("done", 0))
            if "on" in message:
                where = f"{message['from']}, {message['on']}"
                bar.set_description_str(where)
                # Without a bar, a line a minute.
                if bar.disable and time.monotonic() - told > 60:
                    told = time.monotonic()
                    bar.write(f"{numbers / total:.0%}: {where}", sys.stderr)
            if "ended" in message:
                running -= 1
                outcome = "done" if message["ended"] == 0 else "failed"
                bar.write(f"{message['name']}: {outcome}", file=sys.stderr)
                if message["ended"] != 0:
                    failed.append(message["name"])
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        bar.close()
    return failed


def _start(
    options: AccuracyOptions,
    backend: str,
    share: int,
    folder: Path,
    log: Any,
) -> "subprocess.Popen[str]":
    task = {
        "options": {**asdict(options), "out": str(options.out)},
        "backend": backend,
        "share": share,
        "records": str(folder.absolute()),
        "shares": options.jobs if options.exhaustive else 1,
    }
    paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "demos.benchmarks.accuracy.command",
            json.dumps(task),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            # One thread a process: OpenMP's, TensorFlow's and XLA's names.
            "OMP_NUM_THREADS": "1",
            "TF_NUM_INTRAOP_THREADS": "1",
            "TF_NUM_INTEROP_THREADS": "1",
            "NPROC": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        },
    )


# The report.


def gather(options: AccuracyOptions, backend: str, folder: Path) -> list[Row]:
    """Puts the records of a backend together.

    Args:
        options: Of the command: they say which records are wanted.
        backend: The Keras backend.
        folder: Of its journals.

    Returns:
        A row a subject, by dtype and then as the modes and activations come.
    """
    samples = {
        dtype: {chunk.name for chunk in sample(dtype, options.samples)}
        for dtype in options.dtypes
    }
    whole = {chunk.name for chunk in everything()}
    about: dict[str, dict[str, str]] = {}
    tried: dict[str, dict[str, dict[str, Any]]] = {}
    for line in lines(folder):
        if "subject" in line:
            about.setdefault(line["subject"], {}).update(line)
            continue
        for key, found in line["findings"].items():
            tried.setdefault(key, {})[line["chunk"]] = found
    rows = []
    for key, note in about.items():
        subject = Subject(*key.split("|"))
        if (
            subject.dtype not in options.dtypes
            or subject.mode not in options.modes
        ):
            continue
        wanted = samples[subject.dtype]
        if options.exhaustive and _is_swept(subject):
            wanted = wanted | whole
        there = tried.get(key, {})
        missing = len(wanted - there.keys())
        totals: dict[str, Finding] = {}
        for name in sorted(wanted & there.keys()):
            for quantity, values in there[name].items():
                # JSON has no tuples.
                lists = {k: tuple(values[k]) for k in ("ends", "bins")}
                totals[quantity] = totals.get(quantity, Finding()) + Finding(
                    **{**values, **lists}
                )
        rows.append(
            Row(
                backend,
                note.get("version", ""),
                note.get("source", ""),
                subject,
                totals,
                missing,
                note.get("reason", "not finished") if missing else "",
            )
        )
    return rows


def broken(rows: Sequence[Row]) -> list[str]:
    """Lists where Serf does not keep its promises.

    Args:
        rows: Of all subjects; others than ours promise nothing.

    Returns:
        A line for each promise broken; none if all are kept.
    """
    found = []
    for row in rows:
        if row.subject.activation != OURS:
            continue
        where = f"{row.backend}, {row.subject.mode}, {row.subject.dtype}: "
        if row.findings and row.missing:
            found.append(
                f"{where}{row.missing} chunks were not tried ({row.reason})"
            )
        for name, finding in row.findings.items():
            symbol, promised = SYMBOLS[name], PROMISED[row.subject.dtype]
            if name != "second_derivative" and finding.error > promised:
                found.append(
                    f"{where}{symbol} errs by {_error(finding)}, "
                    f"{promised:.4g} promised"
                )
            if finding.nonfinite:
                found.append(
                    f"{where}{symbol} is not finite for {finding.nonfinite:,} "
                    f"finite x, such as {_number(finding.example)}"
                )
            if finding.flushed > 1:
                found.append(
                    f"{where}{symbol} errs where e^x, x or f is subnormal by "
                    f"{finding.flushed:.3g} times what flushing to zero would"
                )
            found += [f"{where}{end}" for end in finding.ends]
    return found


def verdict(rows: Sequence[Row]) -> str:
    """Says in one sentence whether Serf keeps its promises.

    Args:
        rows: Of all subjects.
    """
    ours = [
        row for row in rows if row.subject.activation == OURS and row.findings
    ]
    promises = (
        "f within 4 ulp and f′ within 4 units in float32, 8 and 8 in float64, "
        "0.51 and 0.51 in the half types, finite results and the right ends"
    )
    wrong = broken(rows)
    if not ours:
        return "Serf was not measured."
    if not wrong:
        return (
            f"Serf keeps its promises in all {len(ours)} combinations of "
            f"backend, mode and dtype that were measured: {promises}."
        )
    places: dict[str, list[str]] = {}
    for line in wrong:
        where, _, what = line.partition(": ")
        places.setdefault(what, []).append(where)
    lines = [f"{what} ({' and '.join(p)})" for what, p in places.items()]
    return f"Serf does not keep its promises ({promises}): {'; '.join(lines)}."


def table(rows: Sequence[Row]) -> "pd.DataFrame":
    """Lists all that was found, a row a subject.

    Args:
        rows: Of all subjects.
    """
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "backend": row.backend,
                "version": row.version,
                "activation": row.subject.activation,
                "source": row.source,
                "mode": row.subject.mode,
                "dtype": row.subject.dtype,
                "missing": row.missing,
                "reason": row.reason,
                **{
                    f"{name}_{key}": value
                    for name, finding in row.findings.items()
                    for key, value in asdict(replace(finding, bins=())).items()
                    if key != "bins"
                },
            }
            for row in rows
        ]
    )


def markdown(rows: Sequence[Row]) -> str:
    """Writes the report as text.

    Args:
        rows: Of all subjects.

    Returns:
        Markdown: what was measured, a table, what could not be, the verdict.
    """
    from demos.report.tables import markdown_table

    shown = [row for row in rows if row.findings]
    header = [
        *("run by", "activation", "mode", "dtype", "inputs"),
        *("f: ulp", "f′: units", "f″: units", "f near 0: ulp"),
        *("NaN or inf", "at the ends"),
    ]
    cells = [header, *(_cells(row) for row in shown)]
    sources = sorted({row.source for row in shown})
    notes = _notes(rows)
    return "\n".join(
        [
            "# Errors of Serf",
            "",
            f"Largest errors, and where: {', '.join(sources)}.",
            "",
            "An ulp is the spacing of the dtype at the exact result. Units: "
            "eps (|G| + |x D|) for f′ = G + x D, and eps (|2 D| + |x D′|) for "
            "f″ = 2 D + x D′, with G = f/x, D = G′ and eps the spacing of the "
            "dtype at 1. In a half type, half an ulp is the best that there "
            "is. Near 0: the least normal numbers, whose products some "
            "hardware flushes to zero. NaN or inf: how many finite x give one, "
            "and the least of them.",
            "",
            *markdown_table(cells),
            "",
            *([*(f"- {note}" for note in notes), ""] if notes else []),
            f"**Verdict.** {verdict(rows)}",
        ]
    )


def _cells(row: Row) -> list[str]:
    found = [row.findings.get(name) for name in (*QUANTITIES, NEAR_ZERO)]
    nonfinite = [
        f"{SYMBOLS[name]} {f.nonfinite:,} ({_number(f.example)})"
        for name, f in row.findings.items()
        if f.nonfinite
    ]
    ends = [end for f in row.findings.values() for end in f.ends]
    return [
        row.version,
        row.subject.activation,
        row.subject.mode,
        row.subject.dtype,
        f"{row.findings['value'].inputs:,}",
        *("" if f is None else _error(f) for f in found),
        ", ".join(nonfinite) or "none",
        ", ".join(ends) or "right",
    ]


def _error(finding: Finding) -> str:
    if finding.at is None:
        return f"{finding.error:.4g}"
    return f"{finding.error:.4g} at {_number(finding.at)}"


def _number(x: float | None) -> str:
    return "" if x is None else f"{x:.5g}"


def _notes(rows: Sequence[Row]) -> list[str]:
    """Says what could not be measured, and why."""
    reasons: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in rows:
        reason = row.reason
        if row.findings and row.subject.mode in ("eager", "compiled"):
            if "derivative" not in row.findings:
                reason = "Keras has no derivatives there"
            elif (
                row.subject.activation == OURS
                and "second_derivative" not in row.findings
            ):
                reason = f"{row.backend} compiles no second derivative"
        if reason:
            key = (row.subject.mode, reason)
            place = reasons.setdefault(key, {}).setdefault(row.backend, [])
            place.append(row.subject.activation)
    notes = []
    for (mode, reason), places in reasons.items():
        named = [
            # What ours lacks, all lack.
            backend
            if OURS in names
            else f"{backend} ({', '.join(dict.fromkeys(names))})"
            for backend, names in places.items()
        ]
        notes.append(f"{mode}, on {', '.join(named)}: {reason}")
    return notes


def write(folder: Path, rows: Sequence[Row]) -> str:
    """Writes table.csv, table.md and figure.png.

    Args:
        folder: Where to.
        rows: Of all subjects.

    Returns:
        The text of table.md, which ends with the verdict.
    """
    from demos.common.files import atomic
    from demos.common.files import write_text

    order = {dtype: number for number, dtype in enumerate(PROMISED)}
    rows = sorted(rows, key=lambda row: order[row.subject.dtype])
    text = markdown(rows)
    with atomic(folder / "table.csv") as scratch:
        table(rows).to_csv(scratch, index=False)
    write_text(folder / "table.md", text + "\n")
    with atomic(folder / "figure.png") as scratch:
        draw(scratch, rows)
    return text


def draw(path: Path, rows: Sequence[Row]) -> None:
    """Draws errors against x: ours and the composition, in float32.

    Args:
        path: The PNG to write.
        rows: Of all subjects.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = [
        row
        for row in rows
        if row.subject.dtype == "float32"
        and row.subject.mode in ("eager", "compiled")
        and row.subject.activation in (OURS, COMPOSED)
        and row.findings
    ]
    backends = list(dict.fromkeys(row.backend for row in drawn)) or [""]
    figure = Figure(
        figsize=(1 + 3.6 * len(backends), 6.4), layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(
        2, len(backends), sharex=True, sharey=True, squeeze=False
    )
    for column, backend in enumerate(backends):
        ours = [row for row in drawn if row.backend == backend]
        for line, name in enumerate(("value", "derivative")):
            _draw_errors(axes[line, column], ours, name)
        version = ours[0].version if ours else ""
        axes[0, column].set_title(version)
        axes[1, column].set_xlabel("x")
    axes[0, 0].set_ylabel("error of f, in ulp")
    axes[1, 0].set_ylabel("error of f′, in units")
    axes[0, 0].legend(fontsize="small", loc="upper left")
    figure.suptitle("Largest errors in float32, in each stretch of x")
    figure.savefig(path, format="png", dpi=130)


def _draw_errors(axes: "Axes", rows: Sequence[Row], name: str) -> None:
    from demos.report.figures.style import COLOURS

    edges = np.linspace(*SPAN, BINS + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    styles = {OURS: COLOURS[0], COMPOSED: COLOURS[4]}
    for row in rows:
        if name not in row.findings or not row.findings[name].bins:
            continue
        bins = np.array(row.findings[name].bins)
        axes.plot(
            middle,
            np.where(middle > math.log(np.finfo("float32").tiny), bins, np.nan),
            color=styles[row.subject.activation],
            linestyle="-" if row.subject.mode == "eager" else ":",
            linewidth=1.2,
            label=f"{row.subject.activation}, {row.subject.mode}",
        )
    axes.axhline(
        PROMISED["float32"], color="black", linewidth=0.8, label="promised"
    )
    if not any(name in row.findings for row in rows):
        axes.text(0.5, 0.5, "no derivatives", transform=axes.transAxes)
    # Linear where the promise is, logarithmic above.
    axes.set_yscale("symlog", linthresh=10, linscale=3)
    axes.set_ylim(0, 1e8)
    powers = (2, 4, 6, 8)
    axes.set_yticks(
        [*range(0, 12, 2), *(10.0**power for power in powers)],
        [*map(str, range(0, 12, 2)), *(f"$10^{power}$" for power in powers)],
    )
    axes.set_yticks([], minor=True)
    axes.grid(alpha=0.3)


if __name__ == "__main__":
    work(json.loads(sys.argv[1]))
