"""Serves one model version to the gateway: `python -m slipway.scorer`."""
