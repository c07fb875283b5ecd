"""Scores of embeddings, and pictures of them.

Public names are imported when they are first used, so that command lines can be read without TensorFlow.
"""

from __future__ import annotations

from ccp.registry import imported

_PUBLIC = {
    "EvaluationError": "evaluate.errors:EvaluationError",
    "RetrievalResult": "evaluate.metrics.result:RetrievalResult",
    "evaluate_retrieval": "evaluate.metrics.retrieval:evaluate_retrieval",
    "retrieval_metrics": "evaluate.metrics.retrieval:retrieval_metrics",
}

__all__ = sorted(_PUBLIC)  # noqa: PLE0605 - a list, though not a literal one


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'evaluate' has no attribute {name!r}")
    return imported(_PUBLIC[name])
