"""Models with Serf, saved here and loaded in fresh processes, everywhere.

One process builds and saves; then one process for each installed backend, whose
only extra line is `import keras_serf`, loads every file and compares.
"""

import keras
import numpy as np
import pytest

import keras_serf

DATA = """
import json, sys
from pathlib import Path
import numpy as np
import keras
import keras_serf

folder = Path(sys.argv[1])
x = np.linspace(-4, 4, 24, dtype="float32").reshape(6, 4)

def output(model):  # Not predict, which compiles each of the models.
    return keras.ops.convert_to_numpy(model(x))

KINDS = ("string", "function", "layer", "call", "recurrent")
"""

SAVE = """
def build(kind):
    inputs = keras.Input((4,))
    if kind == "string":
        y = keras.layers.Dense(5, activation="serf")(inputs)
    elif kind == "function":
        y = keras.layers.Dense(5, activation=keras_serf.serf)(inputs)
    elif kind == "layer":
        y = keras_serf.Serf(name="curve")(keras.layers.Dense(5)(inputs))
    elif kind == "call":
        y = keras_serf.serf(keras.layers.Dense(5)(inputs))
    else:
        y = keras.layers.Reshape((2, 2))(inputs)
        y = keras.layers.Bidirectional(
            keras.layers.LSTM(
                3, activation="serf", recurrent_activation="serf"
            )
        )(y)
    return keras.Model(inputs, keras.layers.Dense(1)(y))

keras.utils.set_random_seed(0)
expected = {}
for kind in KINDS:
    model = build(kind)
    expected[kind] = output(model)
    model.save(folder / f"{kind}.keras")
    model.save(folder / f"{kind}.h5")
    model.save_weights(folder / f"{kind}.weights.h5")
    (folder / f"{kind}.json").write_text(model.to_json())
np.savez(folder / "expected.npz", **expected)

class Killed(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt

model = build("string")
model.compile("adam", "mse")
try:
    backup = keras.callbacks.BackupAndRestore(folder / "backup")
    model.fit(x, x[:, :1], epochs=3, verbose=0, callbacks=[backup, Killed()])
except KeyboardInterrupt:
    pass
np.save(folder / "interrupted.npy", output(model))
"""

LOAD = """
expected = np.load(folder / "expected.npz")

def check(model, kind, what):
    np.testing.assert_allclose(
        output(model), expected[kind], 1e-5, 1e-6, err_msg=f"{kind}: {what}"
    )
    print(kind, what)

for kind in KINDS:
    for what in ("keras", "h5"):
        model = keras.models.load_model(folder / f"{kind}.{what}")
        check(model, kind, what)
    text = (folder / f"{kind}.json").read_text()
    for what, copy in {
        "to_json": keras.models.model_from_json(text),
        "get_config": type(model).from_config(model.get_config()),
        "clone_model": keras.models.clone_model(model),
    }.items():
        copy.load_weights(folder / f"{kind}.weights.h5")
        check(copy, kind, what)
"""

RESTORE = """
interrupted = np.load(folder / "interrupted.npy")
text = (folder / "string.json").read_text()
model = keras.models.model_from_json(text)
model.compile("adam", "mse")
epochs = []

class Watch(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        epochs.append(epoch)
        np.testing.assert_allclose(output(self.model), interrupted, 1e-5, 1e-6)

backup = keras.callbacks.BackupAndRestore(folder / "backup")
model.fit(x, x[:, :1], epochs=3, verbose=0, callbacks=[backup, Watch()])
print(*epochs)
"""


@pytest.fixture(scope="module")
def saved(run_python, tmp_path_factory):
    if keras.backend.backend() not in ("jax", "tensorflow", "torch"):
        pytest.skip("trains")
    folder = tmp_path_factory.mktemp("saved")
    run_python(DATA + SAVE, folder)
    return folder


def test_every_format_loads_on_each_backend(saved, run_python, each_backend):
    done = run_python(DATA + LOAD, saved, backend=each_backend)
    assert len(done.splitlines()) == 5 * 5


def test_a_backup_is_restored(saved, run_python):
    assert run_python(DATA + RESTORE, saved) == "2"


def test_saved_names_are_frozen():
    assert keras.saving.get_registered_name(keras_serf.serf) == (
        "keras_serf>serf"
    )
    assert keras.saving.get_registered_name(keras_serf.Serf) == (
        "keras_serf>Serf"
    )
    config = keras.layers.Dense(1, activation="serf").get_config()
    assert config["activation"]["config"] == "keras_serf>serf"
    assert keras.layers.deserialize(
        {
            "module": "keras_serf.layer",
            "class_name": "Serf",
            "config": {"name": "s", "dtype": "float32"},
            "registered_name": "keras_serf>Serf",
        }
    ).name.startswith("s")


def test_a_model_file_holds_no_code(tmp_path):
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(1, activation="serf")]
    )
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras", safe_mode=True)
    x = np.ones((1, 2), "float32")
    np.testing.assert_array_equal(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0)
    )
