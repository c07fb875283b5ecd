"""Why a run made no projection. Free of TensorFlow."""

from __future__ import annotations

from experiments.settings import Settings


def no_projection(settings: Settings, projections: int) -> str | None:
    """A sentence about a run that should have projected and did not: why, and what to do.

    Args:
      settings: of a run that has ended.
      projections: how many it made, without the initialisation of its proxies.

    Returns:
      None if it made one, or its method makes none.
    """
    if projections or not settings.loss.projects:
        return None
    schedule, most = settings.projection, settings.loop.max_epochs
    if most == 1:
        why, remedy = "they come between epochs, and there was one alone", "a larger --max_epochs"
    elif schedule.projection == "period":
        why = f"training ended within the first {schedule.projection_period} epochs"
        remedy = "a smaller --projection_period"
    elif schedule.projection == "staleness":
        why = f"the learning rates before the last epoch add up to less than {schedule.staleness:g}"
        remedy = "a smaller --staleness"
    else:
        why = f"the score never stood still for {schedule.patience} epochs before training ended"
        remedy = "--projection=period" + " --projection_period=1" * (most <= schedule.projection_period)
    return f"no projection happened: {why}; try {remedy}"
