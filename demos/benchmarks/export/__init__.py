"""Export: models with Serf in every format, run in every runtime.

On each backend each model is built with Serf in all its places, exported,
loaded in the runtime that the file is for, and run there; the outputs are
compared with those of Keras. Keras' own quantization is tried too. Every cell
is also tried with ReLU as a control: where ReLU fails too, the exporter or the
runtime is at fault; where ReLU works and Serf does not, Serf is, and the exit
code is 1.

The error of a cell is the largest difference of an output, relative to the
largest output. Its bound is 1e-5 for what computes in float32, which is about a
hundred roundings of 2^-24, and some tens of roundings for what rounds weights
or more to a shorter type.
"""
