"""Versions of Python and of the libraries that decide the arithmetic of a lowered model."""

from __future__ import annotations

import platform

from slipway.conversion import installed

LIBRARIES = ("scikit-learn", "xgboost", "xgboost-cpu", "lightgbm", "numpy", "scipy", "pandas", "mlflow", "mlflow-skinny", "skops")


def versions() -> dict[str, str]:
    """The versions by name; libraries that are not installed are left out."""
    return {"python": platform.python_version(), **installed(LIBRARIES)}
