"""Training methods that hold variables or draw at random, and the registry of all methods."""
