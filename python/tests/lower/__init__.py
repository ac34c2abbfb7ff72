"""Tests of slipway.lower."""
