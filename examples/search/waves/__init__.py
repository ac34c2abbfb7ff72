"""A curve through noisy points; how wide and how steep the smoother is, a search finds."""
