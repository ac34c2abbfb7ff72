"""Runs one attempt of a pipeline step on a machine that has nothing of Slipway but an address, an attempt's id and a token."""
