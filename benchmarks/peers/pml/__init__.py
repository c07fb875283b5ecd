"""The other side, in a separate environment: PyTorch and PyTorch Metric Learning, no TensorFlow."""
