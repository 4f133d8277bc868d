"""Self-check: `python -m keras_serf`.

It prints a report for bug reports: the versions, then one line for each check.
A line starts with `ok`, `FAIL` or `note`. A note is not a bug of Serf but may
reduce the accuracy of a model. The exit code is 1 if a check failed.
"""

import argparse
import importlib
import json
import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

import keras_serf
from keras_serf import initializers, kernels, theory

Array = NDArray[np.float64]
# The level, the subject of the check, and the result.
Finding = tuple[str, str, str]

OK, NOTE, FAIL = "ok", "note", "FAIL"
POINTS: NDArray[np.float32] = np.array(
    (
        *np.linspace(-20, 10, 121),
        *(-87.0, -1.1930599, 1e-4, 100.0, 6e4, 3e38),
        *(-np.inf, np.inf, np.nan),
    ),
    "float32",
)
# Bits after the leading one, and the exponent of the least normal number.
FORMATS = {"float32": (23, -126), "float16": (10, -14), "bfloat16": (7, -126)}
# Allowed errors in ulp. Rounding to a half type costs half an ulp, and on
# OpenVINO a whole one.
ALLOWED = {"float32": 4.0, "float16": 1.01, "bfloat16": 1.01}
# Precisions of matrix products, and upper bounds of their relative errors,
# which are about 1e-7 in float32, 3e-4 in TensorFloat-32, 2e-3 in bfloat16.
PRECISIONS = {"float32": 1e-5, "TensorFloat-32": 1e-3, "bfloat16": np.inf}
REMEDIES = {
    "jax": 'jax.config.update("jax_default_matmul_precision", "highest")',
    "openvino": "export the model; INFERENCE_PRECISION_HINT=f32",
    "tensorflow": (
        "tf.config.experimental.enable_tensor_float_32_execution(False)"
    ),
    "torch": 'torch.set_float32_matmul_precision("highest")',
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks this installation and prints a report.

    Args:
        arguments: Command-line arguments; only `--help` is accepted.

    Returns:
        The exit code: 0; 1 if a check failed; 2 if the report cannot be
        written.
    """
    if sys.stdout is None:
        print("error: no report: stdout is closed", file=sys.stderr)
        return 2
    try:
        code = _report(arguments)
        print(end="", flush=True)  # Raises here if writing fails.
        return code
    except OSError as error:
        # At exit, Python would try to write the rest again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"error: no report: {error.strerror}", file=sys.stderr)
        return 2


def _report(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m keras_serf",
        description="Checks Serf on this machine and prints a report to paste "
        "into a bug report. The exit code is 1 if a check failed.",
    )
    parser.parse_args(arguments)
    failed = 0
    try:
        print(versions(), end="\n\n")
    except Exception as error:
        print(f"{FAIL:4}  {'versions':13}  {_first_line(error)}", end="\n\n")
        failed += 1
    for check in CHECKS:
        for level, subject, text in findings(check):
            print(f"{level:4}  {subject:13}  {text}", flush=True)
            failed += level == FAIL
    print(f"\n{failed} failed" if failed else "\nall checks passed")
    return 1 if failed else 0


def versions() -> str:
    """Returns versions and settings, in three lines."""
    backend = keras.backend.backend()
    framework = _version_of(backend)
    device = getattr(
        keras.ops.zeros(1, "float32"), "device", "an unknown device"
    )
    return (
        f"keras_serf {keras_serf.__version__}, keras {keras.__version__}, "
        f"{backend} {framework} on {device}\n"
        f"floatx {keras.config.floatx()}, "
        f"dtype policy {keras.config.dtype_policy().name}\n"
        f"python {platform.python_version()}, numpy {np.__version__}, "
        f"{platform.platform()}"
    )


def _version_of(backend: str) -> str:
    # Some packages have no `__version__`, only metadata.
    module = importlib.import_module(backend)
    try:
        return getattr(module, "__version__", None) or metadata.version(backend)
    except metadata.PackageNotFoundError:
        return "of an unknown version"


def findings(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yields the findings of a check, or its exception as a failure.

    Args:
        check: One of `CHECKS`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield from check()
    except Exception as error:  # The report covers every exception.
        yield FAIL, check.__name__.replace("_", " "), _first_line(error)


def _first_line(error: Exception) -> str:
    message = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {message}"


def names() -> Iterator[Finding]:
    """Checks that Keras maps Serf's names to this package."""
    known = {
        "serf": (keras.activations.get, keras_serf.serf),
        "serf_normal": (_initializer, initializers.SerfNormal),
        "serf_uniform": (_initializer, initializers.SerfUniform),
    }
    for name, (get, ours) in known.items():
        try:
            found = get(name)
        except ValueError:
            remedy = "call keras_serf.register()"
            yield FAIL, "names", f'Keras does not know "{name}"; {remedy}'
        else:
            level, verb = (OK, "is") if found is ours else (FAIL, "is not")
            yield level, "names", f'"{name}" {verb} this package\'s'


def _initializer(name: str) -> type:
    return type(keras.initializers.get(name))


def saved_names() -> Iterator[Finding]:
    """Checks that objects are saved by their fixed names, and load."""
    x = keras.ops.cast(np.linspace(-3, 3, 7), "float16")
    # Each object, the object of its saved name, and the argument of a call.
    for ours, saved, called in (
        (keras_serf.serf, keras_serf.serf, x),
        (keras_serf.Serf, keras_serf.Serf(name="saved", dtype="float16"), x),
        (initializers.SerfNormal, initializers.SerfNormal(seed=7), (2, 3)),
        (initializers.SerfUniform, initializers.SerfUniform(seed=7), (2, 3)),
    ):
        right = f"keras_serf>{ours.__name__}"
        name = keras.saving.get_registered_name(ours)
        loaded = keras.saving.get_registered_object(name)
        if name != right:
            yield FAIL, "saved", f'expected the name "{right}"; it is "{name}"'
        elif loaded is not ours:
            yield FAIL, "saved", f'"{name}" is loaded as {loaded!r}'
        elif fault := _fault_of_saving(saved, called):
            yield FAIL, "saved", f'"{name}" is not saved and loaded: {fault}'
        else:
            yield OK, "saved", f'"{name}" is saved and loaded'


def _fault_of_saving(saved: Any, called: Any) -> str:
    # Compares it with a copy made through the JSON of a model file.
    try:
        text = json.dumps(keras.saving.serialize_keras_object(saved))
        loaded = keras.saving.deserialize_keras_object(json.loads(text))
        y, expected = (
            keras.ops.convert_to_tensor(each(called))
            for each in (loaded, saved)
        )
    except Exception as error:
        return _first_line(error)
    if type(loaded) is not type(saved):
        return f"it becomes {loaded!r}"
    if getattr(loaded, "name", None) != getattr(saved, "name", None):
        return f"its name becomes {loaded.name!r}"
    if y.dtype != expected.dtype or (_numbers(y) != _numbers(expected)).any():
        return "it gives other values"
    return ""


def kernel() -> Iterator[Finding]:
    """Reports which implementation of the kernel is in use."""
    yield OK, "kernel", kernels.implementation(keras.ops.zeros(2, "float32"))


def value() -> Iterator[Finding]:
    """Checks f in each dtype."""
    for dtype, allowed in ALLOWED.items():
        x = keras.ops.cast(POINTS, dtype)
        y = keras_serf.serf(x)
        truth = theory.serf(_numbers(x))
        error = errors(_numbers(y), truth, ulp(truth, dtype))
        yield judged(f"f, {dtype}", error, allowed, x)


def derivative() -> Iterator[Finding]:
    """Checks f' in float32, as in the training of a model."""
    shift = _Shift(dtype="float32")
    # Without a dtype, Keras casts to floatx.
    inputs = keras.Input(POINTS.shape, dtype="float32")
    model = keras.Model(inputs, shift(inputs))
    model.compile(
        keras.optimizers.SGD(1.0),
        lambda _, y: keras.ops.sum(y),
        run_eagerly=True,
    )
    try:
        model.train_on_batch(POINTS[None], POINTS[None])
    except NotImplementedError:
        yield NOTE, "f', float32", "this backend does not differentiate"
        return
    x, y = _numbers(POINTS), -_numbers(shift.get_weights()[0])
    # The unit is an ulp of |G| + |x D|, where f' = G + x D.
    truth, xd = theory.derivative(x), theory.preconditioner(x) * theory.swish(x)
    unit = (np.abs(truth - xd) + np.abs(xd)) * 2.0**-23
    error = errors(y, truth, unit)
    yield judged("f', float32", error, ALLOWED["float32"], x)


class _Shift(keras.layers.Layer):
    """Serf of inputs plus zero weights, whose gradients are f'."""

    def build(self, input_shape: Any) -> None:
        self.shift = self.add_weight(
            shape=input_shape[1:], initializer="zeros", name="shift"
        )
        self.built = True

    def call(self, inputs: Any) -> Any:
        return keras_serf.serf(inputs + self.shift)


def model() -> Iterator[Finding]:
    """Checks the precision of a model, which may be below its dtype."""
    x, weights = np.random.default_rng(0).normal(size=(2, 64, 64))
    # These x are exact in bfloat16, even if a model rounds to it.
    x = _numbers(keras.ops.cast(x, "bfloat16"))
    inputs = keras.Input((64,), dtype="float32")
    dense = keras.layers.Dense(64, use_bias=False, dtype="float32")
    serf = keras_serf.Serf(dtype="float32")
    outputs = keras.Model(inputs, [dense(inputs), serf(inputs)])
    dense.set_weights([weights])
    product, y = map(_numbers, outputs.predict_on_batch(np.float32(x)))
    truth = x @ weights
    size = np.linalg.norm(product - truth) / np.linalg.norm(truth)
    precision = next(name for name, most in PRECISIONS.items() if size < most)
    text = f"float32 matrix products of a model have relative error {size:.1g}"
    if precision == "float32":
        yield OK, "precision", text
    else:
        remedy = REMEDIES.get(keras.backend.backend(), "none known")
        yield NOTE, "precision", f"{text}, as in {precision}; remedy: {remedy}"
    truth = theory.serf(x)
    level, subject, text = _judged_in("float32", y, truth, x)
    if level == FAIL and precision == "bfloat16":
        # The whole model may be computed in that precision.
        level, subject, text = _judged_in("bfloat16", y, truth, x)
        level = NOTE if level == OK else level
    yield level, subject, text


def _judged_in(dtype: str, y: Array, truth: Array, x: Array) -> Finding:
    error = errors(y, truth, ulp(truth, dtype))
    unit = f"{dtype} ulp"
    return judged("f in a model", error, ALLOWED[dtype], x, unit)


def settings() -> Iterator[Finding]:
    """Reports settings that compute in an unexpected dtype."""
    policy = keras.config.dtype_policy()
    if policy.compute_dtype != "float32":
        text = f"layers compute in {policy.compute_dtype} by default"
        yield NOTE, "dtype policy", text
    x = keras.ops.convert_to_tensor(np.float64(0.1), "float64")
    y = _numbers(keras_serf.serf(x))
    if abs(y / theory.serf(0.1) - 1) > 1e-12:
        remedy = "there is no remedy"
        if keras.backend.backend() == "jax":
            remedy = 'remedy: jax.config.update("jax_enable_x64", True)'
        yield NOTE, "float64", f"is computed in float32 here; {remedy}"
    else:
        yield OK, "float64", "is computed in float64"


def errors(y: Array, truth: Array, unit: Array) -> Array:
    """Returns the errors of `y` in units; infinite where a limit is wrong.

    Args:
        y: Computed values.
        truth: True values of the same shape, which may be NaN or infinite.
        unit: Units of the errors, of the same shape.
    """
    with np.errstate(all="ignore"):
        error = np.abs(y - truth) / unit
    same = (y == truth) | (np.isnan(y) & np.isnan(truth))
    return np.where(same, 0, np.where(np.isfinite(error), error, np.inf))


def ulp(truth: Array, dtype: str) -> Array:
    """Returns the spacing of the numbers of a dtype around `truth`."""
    bits, least = FORMATS[dtype]
    exponent = np.frexp(truth)[1] - 1
    return 2.0 ** (np.maximum(exponent, least) - bits)


def judged(
    subject: str, error: Array, allowed: float, x: Any, unit: str = "ulp"
) -> Finding:
    """Returns a finding on the largest of the errors at `x`."""
    worst = int(np.argmax(error))
    at = _numbers(x).reshape(-1)[worst]
    size = f"{error.flat[worst]:.2g} {unit}"
    text = f"maximum error {size}, at x = {at:.6g}"
    if error.flat[worst] <= allowed:
        return OK, subject, text
    return FAIL, subject, f"{text}; expected {allowed:g} or less"


def _numbers(x: Any) -> Array:
    if not isinstance(x, np.ndarray):
        x = keras.ops.convert_to_numpy(x)
    return x.astype("float64")


CHECKS = (names, saved_names, kernel, value, derivative, model, settings)

if __name__ == "__main__":
    sys.exit(main())
