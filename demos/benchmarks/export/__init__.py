"""Export: models with Serf in every format, run in every runtime.

On each backend, each model is built with Serf as every activation, exported,
loaded in the runtime of the format, and run there; the outputs are compared
with those of Keras. Keras quantization is tested too. Every cell is also tested
with ReLU as a control: if ReLU fails too, the cause is the exporter or the
runtime. If ReLU works and Serf does not, the cause is Serf, and the exit code
is 1.

The error of a cell is the largest difference of an output, relative to the
largest output. The bound is 1e-5 for computation in float32, which is about a
hundred roundings of 2^-24, and some tens of roundings for formats that round
weights or activations to a shorter type.
"""
