"""Tests of slipway.pipeline."""
