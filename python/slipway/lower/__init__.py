"""Lowers a saved model to the flat form that needs no Python: `python -m slipway.lower MODEL_DIR OUT_DIR`."""
