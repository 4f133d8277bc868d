"""Names of activations and execution modes in the benchmarks' results."""

SERF = "serf"
# x * erf(softplus(x)) in the framework's own functions, left to its autodiff.
COMPOSED = "serf (composed)"
RELU, SILU, GELU, MISH = "relu", "silu", "gelu (erf)", "mish"

# GRAPH is a tf.function without XLA; COMPILED is jax.jit, a tf.function with
# jit_compile=True, or torch.compile.
EAGER, GRAPH, COMPILED = "eager", "graph", "compiled"
FRAMEWORK_MODES = (EAGER, GRAPH, COMPILED)
RUNTIMES = ("onnx", "litert", "openvino")  # That models are exported to.
