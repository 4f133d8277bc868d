"""What a result depends on besides its config: versions, and the machine."""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

# Of these a result is told, and yet trials that differ in them alone may be
# compared; what they change is rounding.
MACHINE = ("platform", "processor", "cores", "threads", "devices")


def environment() -> dict[str, Any]:
    """Returns backend, versions, and the machine.

    Returns:
        `backend`, the versions of Python and of the packages, and what
        `MACHINE` names: platform, processor, cores of this process, threads
        that it may start (OMP_NUM_THREADS), and the devices that Keras computes
        on.
    """
    import keras

    import keras_serf

    backend = keras.backend.backend()
    return {
        "backend": backend,
        "python": platform.python_version(),
        "keras_serf": keras_serf.__version__,
        **{
            package: metadata.version(package)
            for package in ("keras", "keras-hub", backend)
        },
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": len(cores()),
        "threads": int(os.environ.get("OMP_NUM_THREADS") or len(cores())),
        "devices": ", ".join(devices()),
    }


def fingerprint_of(
    config: Mapping[str, Any], environment: Mapping[str, Any]
) -> str:
    """Identifies a study: trials with the same one may be compared.

    Args:
        config: What all trials share.
        environment: Versions and backend; the machine does not count.

    Returns:
        12 hexadecimal digits.
    """
    counted = {k: v for k, v in environment.items() if k not in MACHINE}
    text = json.dumps([config, counted], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def cores() -> list[int]:
    """Returns the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def processor() -> str:
    """Returns the name of the processor."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    named = [
        line for line in text.splitlines() if line.startswith("model name")
    ]
    return named[0].partition(":")[2].strip() if named else platform.machine()


def devices() -> list[str]:
    """Returns the names of the devices that Keras computes on.

    Returns:
        Such as `["cpu"]`, or one name for each GPU.
    """
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return [device.device_kind for device in jax.devices()]
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        details = map(tf.config.experimental.get_device_details, gpus)
        return [str(d.get("device_name", "gpu")) for d in details] or ["cpu"]
    if backend == "torch":
        import torch

        gpus = range(torch.cuda.device_count())
        return [torch.cuda.get_device_name(gpu) for gpu in gpus] or ["cpu"]
    return ["cpu"]
