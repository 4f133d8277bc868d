"""Names of what the benchmarks measure, as results have them."""

SERF = "serf"
# x * erf(softplus(x)), left to the framework's autodiff.
COMPOSED = "serf (composed)"
RELU, SILU, GELU, MISH = "relu", "silu", "gelu (erf)", "mish"
# -x reads every element once, writes one, and computes nothing: the limit that
# memory sets, forward and, since its derivative times w is -w, backward.
COPY = "copy (-x)"

# Modes. GRAPH is a tf.function without XLA; COMPILED is jax.jit, a tf.function
# with jit_compile=True, or torch.compile; DEFAULT is what Keras does by itself:
# jax.jit, a tf.function without XLA (but with it on a GPU), eager PyTorch.
EAGER, GRAPH, COMPILED, DEFAULT = "eager", "graph", "compiled", "default"
FRAMEWORK_MODES = (EAGER, GRAPH, COMPILED)
# Other backends evaluate functions, eagerly.
MODES = {
    "tensorflow": FRAMEWORK_MODES,
    "jax": (EAGER, COMPILED),
    "torch": (EAGER, COMPILED),
}
# Those in which we can tell what is kept for the backward pass.
KEPT_MODES = {
    "tensorflow": (EAGER,),
    "jax": (EAGER,),
    "torch": (EAGER, COMPILED),
}
RUNTIMES = ("onnx", "litert", "openvino")  # Models are exported to them.

# Work: of arrays, of models, of models in fresh processes.
FORWARD, BOTH, KEPT = "forward", "forward+backward", "bytes kept"
TRANSFORMER_STEP, CNN_STEP = "Transformer step", "CNN step"
CNN_PREDICT = "CNN predict"
FIRST_STEP = "first step of 24 layers"
LENGTHS_PREDICT, LENGTHS_STEP = "predict", "training step"
MODEL_WORK = (FIRST_STEP, TRANSFORMER_STEP, CNN_STEP, CNN_PREDICT)
