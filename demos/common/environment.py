"""The environment of a result: versions and machine."""

import importlib
import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import joblib
import keras

import keras_serf


def environment() -> dict[str, Any]:
    """Returns backend, versions and machine.

    Returns:
        `backend`, the versions of Python and the packages, `platform`,
        `processor`, `cores` of this process, `threads` (OMP_NUM_THREADS) and
        the `devices` that Keras uses.
    """
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
        "cores": joblib.cpu_count(),
        "threads": int(os.environ.get("OMP_NUM_THREADS") or joblib.cpu_count()),
        "devices": ", ".join(devices()),
    }


def processor() -> str:
    """Returns the name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    name = re.search(r"^model name\s*:\s*(.*\S)", text, re.MULTILINE)
    return name[1] if name else platform.processor() or platform.machine()


def devices() -> list[str]:
    """Returns the names of the devices that Keras uses.

    Returns:
        For example `["cpu"]`, or one name for each GPU.
    """
    backend = keras.backend.backend()
    # Perhaps only the backend in use is installed.
    module = importlib.import_module(backend)
    names: list[str] = []
    if backend == "jax":
        names = [device.device_kind for device in module.devices()]
    elif backend == "tensorflow":
        details = module.config.experimental.get_device_details
        gpus = map(details, module.config.list_physical_devices("GPU"))
        names = [gpu.get("device_name", "gpu") for gpu in gpus]
    elif backend == "torch":
        count = module.cuda.device_count()
        names = [module.cuda.get_device_name(i) for i in range(count)]
    return names or ["cpu"]
