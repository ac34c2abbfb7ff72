"""Reads the DAG files of other schedulers, without running them."""
