"""Runs research code and the package made from it, each in a process of its own, and writes down what they compute."""
