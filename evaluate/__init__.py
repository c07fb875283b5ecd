"""Retrieval metrics and what they are drawn and reported with.

Public names are loaded when they are first used, so that command lines can be read without TensorFlow.
"""

from __future__ import annotations

import importlib

_HOME_OF = {
    "EvaluationError": "evaluate.metrics.retrieval",
    "RetrievalResult": "evaluate.metrics.result",
    "evaluate_retrieval": "evaluate.metrics.retrieval",
    "per_query_metrics": "evaluate.metrics.retrieval",
    "retrieval_metrics": "evaluate.metrics.retrieval",
}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - a list, though not a literal one


def __getattr__(name: str):
    if name not in _HOME_OF:
        raise AttributeError(f"module 'evaluate' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)
