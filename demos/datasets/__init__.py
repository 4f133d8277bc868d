"""Sources of data, one a file; they know no model. `load` finds them by name.

`types` has what they return, `splits` how it is divided.
"""
