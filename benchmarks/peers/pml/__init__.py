"""The other side, in an environment of its own: PyTorch and PyTorch Metric Learning, no TensorFlow."""
