"""Shows runs in a notebook: ``%load_ext slipway``, then ``%slipway runs``, ``curves`` and ``last``; standard library only."""
