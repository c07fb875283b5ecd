"""Data sets, splits, sampling, preprocessing and pipelines. Nothing here knows a loss."""
