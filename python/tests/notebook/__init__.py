"""Tests of slipway.notebook."""
