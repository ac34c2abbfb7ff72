"""Reads research code for `slipway package`: what its statements do, which packages it uses, and what its runs compute."""
