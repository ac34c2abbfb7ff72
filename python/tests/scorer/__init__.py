"""Tests of slipway.scorer."""
