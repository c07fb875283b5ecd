"""What evaluation refuses."""

from ccp.errors import UserError


class EvaluationError(UserError, ValueError):
    """The embeddings or labels cannot be evaluated; the message says why."""
