"""Tests of slipway.step."""
