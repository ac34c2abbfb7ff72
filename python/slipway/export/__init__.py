"""Exports a saved model to ONNX: `python -m slipway.export MODEL_DIR OUT_DIR`."""
