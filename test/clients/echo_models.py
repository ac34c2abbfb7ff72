"""The rows that are sent to each echo model of the gateway, by its name, with their datatype."""

import numpy as np

VALUES = {
    "floats": ("FP64", np.array([0.5, -1e300, np.pi], dtype="float64")),
    "wholes": ("INT64", np.array([2**53 + 1, -(2**63), 2**63 - 1], dtype="int64")),
    "flags": ("BOOL", np.array([True, False, True])),
    "texts": ("BYTES", np.array(["a", "ünï🙂", ""], dtype=object)),
}
