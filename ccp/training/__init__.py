"""The training loop, its step, and the Keras model around it."""
