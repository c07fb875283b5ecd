"""What may follow a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccp.projection.projector import Projection
from ccp.training.progress import Progress


class Observer:
    """What follows a training from outside and changes nothing in it; subclasses override what they follow."""

    def on_start(self, progress: Progress) -> None:
        """Training begins, or goes on, at ``progress``."""

    def on_step(self, progress: Progress, loss: float) -> None:
        """A step is done."""

    def on_projection(self, projection: Projection) -> None:
        """Proxies have been initialised or re-initialised."""

    def on_epoch(self, record: Mapping[str, Any]) -> None:
        """An epoch is done and saved."""

    def on_end(self) -> None:
        """Training ends, or is interrupted, or fails."""
