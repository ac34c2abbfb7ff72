"""Holds Pythons that the code of a proof starts to what the lock brings."""
