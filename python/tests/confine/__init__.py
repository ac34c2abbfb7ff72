"""Tests of slipway.confine."""
