"""Versions of Python and of the libraries that decide the arithmetic of a lowered model."""

import platform
from importlib import metadata

LIBRARIES = ("scikit-learn", "xgboost", "xgboost-cpu", "lightgbm", "numpy", "scipy", "pandas", "mlflow", "mlflow-skinny", "skops")


def versions() -> dict:
    """Versions of Python and of the libraries that decide the arithmetic."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
