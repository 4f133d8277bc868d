"""Names of measurements in the results of the benchmarks."""

SERF = "serf"
# x * erf(softplus(x)), left to the framework's autodiff.
COMPOSED = "serf (composed)"
RELU, SILU, GELU, MISH = "relu", "silu", "gelu (erf)", "mish"
# -x reads and writes every element once, and computes nothing: the memory limit
# in the forward pass and, since its derivative times w is -w, backward.
COPY = "copy (-x)"

# Modes. GRAPH is a tf.function without XLA; COMPILED is jax.jit, a tf.function
# with jit_compile=True, or torch.compile; DEFAULT is the default of Keras:
# jax.jit, a tf.function without XLA (on a GPU with XLA), eager PyTorch.
EAGER, GRAPH, COMPILED, DEFAULT = "eager", "graph", "compiled", "default"
# Other backends only evaluate functions, eagerly.
MODES = {
    "tensorflow": (EAGER, GRAPH, COMPILED),
    "jax": (EAGER, COMPILED),
    "torch": (EAGER, COMPILED),
}
# What Keras does by default with arrays, on a CPU.
USUAL_MODES = {"tensorflow": GRAPH, "jax": COMPILED, "torch": EAGER}
RUNTIMES = ("onnx", "litert", "openvino")  # Runtimes of exported models.

# Work on arrays, on models, and on models in new processes.
FORWARD, BOTH, KEPT = "forward", "forward+backward", "bytes kept"
TRANSFORMER_STEP, CNN_STEP = "Transformer step", "CNN step"
CNN_PREDICT = "CNN predict"
FIRST_STEP = "first step of 24 layers"
LENGTHS_PREDICT, LENGTHS_STEP = "predict", "training step"
MODEL_WORK = (FIRST_STEP, TRANSFORMER_STEP, CNN_STEP, CNN_PREDICT)
