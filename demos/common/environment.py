"""The environment of a result: versions and machine."""

import importlib
import os
import platform
from importlib import metadata
from typing import Any

import keras

import keras_serf
from demos.common.machine import cores, processor


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
        "cores": len(cores()),
        "threads": int(os.environ.get("OMP_NUM_THREADS") or len(cores())),
        "devices": ", ".join(devices()),
    }


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
