"""An encoder-decoder Transformer for translation, with KerasHub layers.

It follows Vaswani et al., "Attention Is All You Need", 2017, with pre-layer
normalization (Xiong et al., "On Layer Normalization in the Transformer
Architecture", 2020) and the target embedding tied to the output (Press and
Wolf, "Using the Output Embedding to Improve Language Models", 2017).
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import keras_hub
from keras import ops

from demos.tasks.translation.options import ModelConfig
from demos.tasks.translation.subword_tokenizer import PADDING, START


def build_model(
    activation: str,
    sizes: ModelConfig,
    *,
    dropout: float,
    target_vocabulary: int,
    source_vocabulary: int | None = None,
    precision: str = "float32",
) -> keras.Model:
    """Builds the model.

    The feed-forward layers use the activation. The dropout is applied to
    embeddings, attention and the outputs of each layer. Without a source
    vocabulary, both languages share one vocabulary and one embedding. The
    precision is the Keras dtype policy of the layers, such as
    `"mixed_bfloat16"`.

    Returns:
        A model from `{"source", "target"}`, int32 `(batch, width)` each, to
        float32 logits `(batch, width, target_vocabulary)` of the token after
        each target token. PADDING is masked.
    """
    hub: Any = keras_hub.layers  # Its defaults mislead the type checker.
    with _dtype_policy(precision):
        source = keras.Input((None,), dtype="int32", name="source")
        target = keras.Input((None,), dtype="int32", name="target")
        source_mask = ops.not_equal(source, PADDING)
        target_mask = ops.not_equal(target, PADDING)

        def embedding(vocabulary: int, name: str) -> Any:
            return hub.ReversibleEmbedding(
                vocabulary,
                sizes.embedding_dim,
                embeddings_initializer=keras.initializers.RandomNormal(
                    stddev=sizes.embedding_dim**-0.5
                ),
                reverse_dtype="float32",
                name=name,
            )

        target_embedding = embedding(target_vocabulary, "target_embedding")
        source_embedding = target_embedding
        if source_vocabulary is not None:
            source_embedding = embedding(source_vocabulary, "source_embedding")
        scale = keras.layers.Rescaling(sizes.embedding_dim**0.5, name="scale")
        # Half precision cannot distinguish positions.
        positions = hub.SinePositionEncoding(dtype="float32", name="positions")

        def normalization(name: str) -> Any:
            return keras.layers.LayerNormalization(epsilon=1e-5, name=name)

        def enter(embedded: Any) -> Any:
            x = scale(embedded)
            return keras.layers.Dropout(dropout)(x + positions(x))

        settings = {
            "intermediate_dim": sizes.feedforward_dim,
            "num_heads": sizes.heads,
            "dropout": dropout,
            "activation": activation,
            "kernel_initializer": sizes.initializer,
            "normalize_first": True,
        }
        x = enter(source_embedding(source))
        for i in range(sizes.layers):
            x = hub.TransformerEncoder(**settings, name=f"encoder_{i}")(
                x, padding_mask=source_mask
            )
        encoded = normalization("encoded")(x)
        x = enter(target_embedding(target))
        for i in range(sizes.layers):
            x = hub.TransformerDecoder(**settings, name=f"decoder_{i}")(
                x,
                encoded,
                decoder_padding_mask=target_mask,
                encoder_padding_mask=source_mask,
            )
        decoded = normalization("decoded")(x)
        logits = target_embedding(decoded, reverse=True)
        # Inside the policy, so that Keras scales the loss for float16.
        return keras.Model(
            {"source": source, "target": target}, logits, name="translation"
        )


class SmoothedCrossEntropy(keras.losses.Loss):
    """Cross-entropy of logits and integer labels with label smoothing e.

    It is (1 - e) CE(y) + e times the mean of CE over the vocabulary, averaged
    with the sample weights, so that padding, with weight 0, does not count.

    Reference:
        Szegedy et al., "Rethinking the Inception Architecture for Computer
        Vision", 2016, section 7.
    """

    def __init__(self, label_smoothing: float) -> None:
        super().__init__(
            "smoothed_cross_entropy", reduction="mean_with_sample_weight"
        )
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        """Computes the loss of each token."""
        log_p = ops.log_softmax(y_pred, axis=-1)
        labels = ops.cast(y_true, "int32")[..., None]  # Keras casts to float.
        label = ops.take_along_axis(log_p, labels, axis=-1)[..., 0]
        e = self.label_smoothing
        return -(1 - e) * label - e * ops.mean(log_p, axis=-1)


class Steps:
    """Runs a model token by token, with cached keys and values."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._encode = keras.Model(
            model.get_layer("source").output, model.get_layer("encoded").output
        )
        self._embedding = model.get_layer("target_embedding")
        self._scale = model.get_layer("scale")
        self._positions = model.get_layer("positions")
        self._decoders = [
            layer
            for layer in model.layers
            if isinstance(layer, keras_hub.layers.TransformerDecoder)
        ]
        self._normalization = model.get_layer("decoded")

    def start(self, source: Any, length: int) -> tuple[Any, Any, Any]:
        """Reads the source, int32 `(batch, width)`, and feeds START.

        Returns:
            Logits `(batch, vocabulary)` of the first token, the context
            (constant in all steps) and the caches (changed by each step, for
            `length` tokens), both nested tensors with the batch axis first.
        """
        encoded = self._encode(source, training=False)
        mask = ops.not_equal(source, PADDING)
        batch, width = ops.shape(source)
        heads = self._decoders[0].num_heads
        head_dim = encoded.shape[-1] // heads

        def empty(length: Any) -> list[Any]:
            shape = (batch, 2, length, heads, head_dim)
            dtype = self._decoders[0].compute_dtype
            return [ops.zeros(shape, dtype) for _ in self._decoders]

        logits, caches, crossed = self._decode(
            ops.full((batch,), START, "int32"),
            ops.convert_to_tensor(0, "int32"),
            (encoded, mask, empty(width)),
            empty(length),
            update_index=0,
        )
        return logits, (encoded, mask, crossed), caches

    def step(
        self, tokens: Any, position: Any, context: Any, caches: Any
    ) -> tuple[Any, Any]:
        """Feeds tokens, int32 `(batch,)`; START was at position 0.

        Returns:
            Logits `(batch, vocabulary)` of the next token, and the caches.
        """
        logits, caches, _ = self._decode(tokens, position, context, caches)
        return logits, caches

    def _decode(
        self,
        tokens: Any,
        position: Any,
        context: Any,
        caches: Any,
        update_index: int | None = None,
    ) -> tuple[Any, list[Any], list[Any]]:
        """Returns logits, and the caches of self- and cross-attention."""
        encoded, mask, crossed = context
        x = self._scale(self._embedding(tokens[:, None]))
        x = x + self._positions(x, start_index=position)
        found = []
        for layer, cache, cross in zip(
            self._decoders, caches, crossed, strict=True
        ):
            x, *pair = layer(
                x,
                encoded,
                encoder_padding_mask=mask,
                self_attention_cache=cache,
                self_attention_cache_update_index=position,
                cross_attention_cache=cross,
                cross_attention_cache_update_index=update_index,
                training=False,
            )
            found.append(pair)
        logits = self._embedding(self._normalization(x), reverse=True)
        caches, crossed = (list(kind) for kind in zip(*found, strict=True))
        return logits[:, 0], caches, crossed


@contextlib.contextmanager
def _dtype_policy(precision: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def build_scorer(model: keras.Model) -> keras.Model:
    """Builds a model that scores the next token, given the preceding ones.

    It shares the weights. `evaluate` gives `token_accuracy` and `cross_entropy`
    (in nats per token, without smoothing), means over all tokens except
    padding. They are not computed during training, to save time.
    """
    scorer = keras.Model(model.input, model.output)
    scorer.compile(
        loss=SmoothedCrossEntropy(0.0),
        weighted_metrics=[
            keras.metrics.SparseCategoricalAccuracy("token_accuracy"),
            keras.metrics.SparseCategoricalCrossentropy(
                "cross_entropy", from_logits=True
            ),
        ],
    )
    return scorer
