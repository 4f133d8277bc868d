"""Multimodal entailment: pretrained encoders of KerasHub."""

from collections.abc import Callable
from typing import Any

import keras
import keras_hub
from keras import ops

from demos.common.errors import UserError
from demos.tasks.entailment.model import Encoder


def preset_text_encoder(preset: str, finetune: bool) -> Encoder:
    """Loads a pretrained text encoder of KerasHub, such as BERT.

    `preset` is a name or the path of a folder. The encoder reads the result of
    `preset_text_inputs`.
    """
    models: Any = keras_hub.models
    backbone = _load(models.Backbone, "--text-preset", preset)
    _freeze(backbone, finetune)

    def encode(inputs: dict[str, Any]) -> tuple[Any, Any]:
        found = backbone(inputs)
        if isinstance(found, dict):
            found = found["sequence_output"]
        return found, ops.cast(inputs["padding_mask"], "bool")

    return Encoder(
        {name: ((None,), "int32") for name in backbone.input}, encode
    )


def preset_text_inputs(
    preset: str, sequence_length: int
) -> Callable[[list[str]], dict[str, Any]]:
    """Loads the preprocessor of a pretrained text encoder.

    It converts texts to `int32` arrays `(texts, sequence_length)` by name.
    """
    models: Any = keras_hub.models
    preprocessor = _load(
        models.TextClassifierPreprocessor,
        "--text-preset",
        preset,
        sequence_length=sequence_length,
    )

    def read(texts: list[str]) -> dict[str, Any]:
        return {
            name: ops.convert_to_numpy(array).astype("int32")
            for name, array in preprocessor(texts).items()
        }

    return read


def preset_image_encoder(
    preset: str, image_size: int, finetune: bool
) -> Encoder:
    """Loads a pretrained image encoder of KerasHub, such as ResNet.

    It reads `pixels` from 0 to 255, with height and width `image_size`.
    """
    hub: Any = keras_hub
    size = (image_size, image_size, 3)
    option = "--image-preset"
    backbone = _load(hub.models.Backbone, option, preset, image_shape=size)
    _freeze(backbone, finetune)
    converter = _load(hub.layers.ImageConverter, option, preset)
    scale, offset = (
        value if value is not None else neutral
        for value, neutral in ((converter.scale, 1.0), (converter.offset, 0.0))
    )
    rescale = keras.layers.Rescaling(scale, offset)

    def encode(inputs: dict[str, Any]) -> tuple[Any, None]:
        found = backbone(rescale(ops.cast(inputs["pixels"], "float32")))
        width = found.shape[-1]
        return keras.layers.Reshape((-1, width))(found), None

    return Encoder({"pixels": (size, "uint8")}, encode)


def _freeze(backbone: Any, finetune: bool) -> None:
    """Freezes a backbone, including dropout, unless it is fine-tuned."""
    backbone.trainable = finetune
    if not finetune:
        for layer in backbone._flatten_layers():
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0


def _load(kind: Any, option: str, preset: str, **options: Any) -> Any:
    """Loads a part of a preset; raises UserError if that fails."""
    try:
        return kind.from_preset(preset, **options)
    except MemoryError:  # Not an error of the preset.
        raise
    except Exception as error:  # Downloads and readers may raise anything.
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{option} must be a KerasHub preset or its folder. "
            f"Received: {preset} ({type(error).__name__}: {reason})"
        ) from None
