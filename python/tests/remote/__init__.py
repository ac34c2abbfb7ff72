"""Tests of the program of a node."""
