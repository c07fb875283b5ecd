"""Retrieval metrics and what they are drawn and reported with."""

from evaluate.metrics import EvaluationError, evaluate_retrieval, per_query_metrics, retrieval_metrics
from evaluate.result import RetrievalResult

__all__ = ["EvaluationError", "RetrievalResult", "evaluate_retrieval", "per_query_metrics", "retrieval_metrics"]
