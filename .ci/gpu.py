"""The Python part of `gpu`: prints rows of its table for one framework."""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np

import keras_serf
from keras_serf import theory

FRAMEWORK, DEVICE = sys.argv[1:]
ON_GPU = DEVICE == "cuda"
SIZE = 2**26 if ON_GPU else 2**14
GOAL = 0.95  # Of the bandwidth of a copy.
REPEATS = 50 if ON_GPU else 2
BITS = {"float32": (23, -126), "float16": (10, -14), "bfloat16": (7, -126)}


def row(what: str, found: str, wanted: str = "", ok: bool = True) -> None:
    """Prints a row of the table."""
    verdict = ("ok" if ok else "FAIL") if wanted else ""
    print(
        f"| {FRAMEWORK} | {what} | {found} | {wanted} | {verdict} |", flush=True
    )


def patterns(dtype: str) -> Any:
    """Returns all finite numbers of a half type, or a sample of float32."""
    if dtype == "float32":
        random = np.random.default_rng(0)
        sample = random.uniform(-87.3, 8, 2**20 if ON_GPU else 2**13)
        return sample.astype("float32")
    bits = np.arange(2**16, dtype="uint32")
    if dtype == "float16":
        x = bits.astype("uint16").view("float16").astype("float32")
    else:
        x = (bits << 16).view("float32")
    return x[np.isfinite(x)]


def accuracy(dtype: str, x: Any, y: Any, derivative: Any) -> None:
    """Prints the errors against float64; of f' in units of its terms."""
    wide = x.astype("float64")
    f, df = theory.serf(wide), theory.derivative(wide)
    xd = theory.preconditioner(wide) * theory.swish(wide)
    bits, least = BITS[dtype]

    def ulp(size: Any) -> Any:
        exponent = np.frexp(size)[1] - 1
        return 2.0 ** (np.maximum(exponent, least) - bits)

    half = dtype != "float32"
    # Triton's interpreter truncates to bfloat16, where a GPU rounds.
    truncates = (FRAMEWORK, DEVICE, dtype) == ("torch", "cpu", "bfloat16")
    rounding = 1.0 if truncates else 0.5
    allowed = rounding + 0.01 if half else 4.0
    # Where e^x or f is not a normal number it may be flushed to zero.
    normal = wide > -87.3
    flushed = ~normal | (abs(f) < 2.0**-125 if dtype != "float16" else False)
    error = (abs(y - f) / np.where(flushed, 2.4e-36, ulp(f))).max()
    row(f"f, {dtype}", f"{error:.3f} ulp", f"<= {allowed}", error <= allowed)
    terms = np.maximum(abs(df - xd) + abs(xd), 1e-300)
    if half:  # Rounded once, from what is off by 2^-18 of the terms at most.
        error = ((abs(derivative - df) - ulp(df) * rounding) / terms)[
            normal
        ].max()
        row(f"f', {dtype}", f"{error:.1g}", "<= 3.8e-6", error <= 2.0**-18)
    else:
        error = (abs(derivative - df) / terms)[normal].max() * 2**23
        row(f"f', {dtype}", f"{error:.3f} units", "<= 4", error <= 4)


def timings(
    dtype: str,
    copy: Callable[[], Any],
    runs: dict[str, tuple[int, Callable[[], Any]]],
    wait: Callable[[Any], None],
) -> None:
    """Prints bandwidths; each run is the arrays it moves, and a function."""
    size = SIZE * (4 if dtype == "float32" else 2)

    def bandwidth(arrays: int, function: Callable[[], Any]) -> float:
        seconds = []
        for _ in range(3):
            wait(function())
        for _ in range(REPEATS):
            began = time.perf_counter()
            wait(function())
            seconds.append(time.perf_counter() - began)
        return arrays * size / statistics.median(seconds) / 1e9

    reference = bandwidth(2, copy)
    row(f"copy, {dtype}", f"{reference:.0f} GB/s")
    for name, (arrays, function) in runs.items():
        share = bandwidth(arrays, function) / reference
        judged = ON_GPU and name.startswith("serf")
        wanted = f">= {GOAL:.0%} of copy" if judged else ""
        row(f"{name}, {dtype}", f"{share:.0%} of copy", wanted, share >= GOAL)


def training() -> None:
    """Prints the time of a Keras training step, and whether it learns."""
    x = np.random.default_rng(0).normal(size=(256, 64)).astype("float32")
    for name in ("gelu", "serf"):
        keras.utils.set_random_seed(0)
        hidden = [keras.layers.Dense(512, name) for _ in range(4)]
        model = keras.Sequential([*hidden, keras.layers.Dense(1)])
        model.compile("adam", "mse")
        target = x[:, :1] ** 2
        losses = [float(model.train_on_batch(x, target)) for _ in range(5)]
        began = time.perf_counter()
        for _ in range(REPEATS):
            losses.append(float(model.train_on_batch(x, target)))
        step = (time.perf_counter() - began) / REPEATS
        learns = bool(np.isfinite(losses).all() and losses[-1] < losses[0])
        wanted = "the loss falls" if name == "serf" else ""
        row(f"training step, {name}", f"{step * 1e3:.2f} ms", wanted, learns)


def run_torch() -> None:
    """Triton's kernels directly, then Serf as PyTorch's users call it."""
    import torch
    from torch.nn import functional

    from keras_serf.kernels import triton

    def numbers(x: Any) -> Any:
        return x.detach().double().cpu().numpy()

    def wait(_: Any) -> None:
        if ON_GPU:
            torch.cuda.synchronize()

    for dtype in BITS:
        of = getattr(torch, dtype)
        x = patterns(dtype)
        t = torch.tensor(x, device=DEVICE).to(of)
        derivative = triton.derivative_times(t, torch.ones_like(t))
        accuracy(dtype, x, numbers(triton.value(t)), numbers(derivative))
    functions = {
        "gelu": functional.gelu,
        "silu": functional.silu,
        "mish": functional.mish,
        "serf": keras_serf.serf,
    }
    if ON_GPU:
        eager = keras_serf.serf(torch.ones(2, device=DEVICE))
        row("kernel", str(keras_serf.kernels.implementation(eager)))
        functions["serf compiled"] = torch.compile(keras_serf.serf)
    for dtype in ("float32", "bfloat16"):
        x = torch.randn(SIZE, device=DEVICE, dtype=getattr(torch, dtype))
        out, up = torch.empty_like(x), torch.ones_like(x)
        leaf = x.clone().requires_grad_()
        runs: dict[str, tuple[int, Callable[[], Any]]] = {}
        for name, function in functions.items():
            gradient = partial(
                torch.autograd.grad, function(leaf), leaf, up, retain_graph=True
            )
            runs[f"{name} forward"] = 2, partial(function, x)
            runs[f"{name} backward"] = 3, gradient
        timings(dtype, partial(out.copy_, x), runs, wait)


def run_jax() -> None:
    """Serf as JAX's users call it."""
    import jax
    import jax.numpy as jnp

    def backward(function: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
        return jax.jit(lambda x, up: jax.vjp(function, x)[1](up)[0])

    def numbers(x: Any) -> Any:
        return np.asarray(x.astype(jnp.float32), "float64")

    for dtype in BITS:
        x = patterns(dtype)
        t = jnp.asarray(x).astype(dtype)
        derivative = backward(keras_serf.serf)(t, jnp.ones_like(t))
        accuracy(dtype, x, numbers(keras_serf.serf(t)), numbers(derivative))
    functions = {
        "gelu": lambda x: jax.nn.gelu(x, approximate=False),
        "silu": jax.nn.silu,
        "mish": jax.nn.mish,
        "serf": keras_serf.serf,
    }
    for dtype in ("float32", "bfloat16"):
        x = jax.random.normal(jax.random.key(0), (SIZE,), dtype)
        up = jnp.ones_like(x)
        copy, runs = jax.jit(jnp.copy), {}
        for name, function in functions.items():
            runs[f"{name} forward"] = 2, partial(jax.jit(function), x)
            runs[f"{name} backward"] = 3, partial(backward(function), x, up)
        timings(dtype, partial(copy, x), runs, jax.block_until_ready)


if __name__ == "__main__":
    print("\n| framework | what | found | wanted | |")
    print("| --- | --- | ---: | --- | --- |")
    {"torch": run_torch, "jax": run_jax}[FRAMEWORK]()
    training()
