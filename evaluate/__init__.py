"""Retrieval metrics and what they are drawn and reported with."""

from evaluate.metrics import EvaluationError, per_query_metrics, retrieval_metrics

__all__ = ["EvaluationError", "per_query_metrics", "retrieval_metrics"]
