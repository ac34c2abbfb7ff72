"""Starts a program that may not see what is Slipway's own: `python -I -S …/slipway/confine POLICY PROGRAM ARGUMENT…`."""
