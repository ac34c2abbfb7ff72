"""Tests of slipway.export."""
