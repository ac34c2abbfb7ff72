"""The part of Slipway that runs inside a model's own Python environment; standard library only."""

__version__ = "0.1.0"
