"""Reads what other feature stores have."""
