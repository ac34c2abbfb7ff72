"""Steps of the example; each is a function that a test can call."""
