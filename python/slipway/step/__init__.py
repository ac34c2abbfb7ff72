"""Supervises one attempt of a pipeline step: `python -m slipway.step SPEC.json`."""
