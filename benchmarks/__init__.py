"""Speed and memory, as ratios within one run: ``python -m benchmarks``."""

import os

# Before TensorFlow is imported anywhere, or it greets with what the machine can do.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
