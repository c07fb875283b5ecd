"""Every metric by name. Free of TensorFlow: a metric is imported when it is computed."""

from __future__ import annotations

import re
from typing import NamedTuple

from ccp.errors import ConfigError
from ccp.registry import Registry


class Metric(NamedTuple):
    """A score of each query; the mean over queries is the set's.

    Attributes:
      title: in tables; k stands for a number.
      function: ``module:function`` from the ``RankedHits`` of some queries (and k) to their ``Scores``.
      standard: whether it is computed at every validation and is a column of every table.
      with_bounds: whether the lowest and the highest value over the orders of ties are reported too.
      ks: where the name ends in ``_k``, the numbers for which a full evaluation computes it.
    """

    title: str
    function: str
    standard: bool = False
    with_bounds: bool = False
    ks: tuple[int, ...] = ()


METRICS: Registry[Metric] = Registry(
    "metric",
    {
        "precision_at_1": Metric("P@1", "evaluate.metrics.first_hit:precision_at_1", True, with_bounds=True),
        "r_precision": Metric("P@R", "evaluate.metrics.precision:r_precision", True),
        "map_at_r": Metric("MAP@R", "evaluate.metrics.precision:map_at_r", True, with_bounds=True),
        "recall_at_k": Metric(
            "R@k", "evaluate.metrics.first_hit:recall_at_k", ks=(1, 2, 4, 8, 10, 20, 30, 40, 100, 1000)
        ),
        "precision_at_k": Metric("P@k", "evaluate.metrics.precision:precision_at_k", ks=(10,)),
        "map_at_k": Metric("MAP@k", "evaluate.metrics.precision:map_at_k", ks=(10,)),
    },
)
STANDARD = tuple(name for name, metric in METRICS.items() if metric.standard)


def all_metrics() -> tuple[str, ...]:
    """The names of all metrics; ``recall_at_k`` for each of its k."""
    return tuple(
        full_name
        for name, metric in METRICS.items()
        for full_name in ([f"{name[:-1]}{k}" for k in metric.ks] or [name])
    )


def find_metric(name: str) -> tuple[Metric, int | None]:
    """The metric of a name, and its k: 10 for ``recall_at_10``, None where it has none.

    Raises:
      ConfigError: there is no such metric, or its k is missing.
    """
    number = re.fullmatch(r"(\w+_at_)([1-9][0-9]*)", name)
    if name not in METRICS and number and f"{number[1]}k" in METRICS:
        return METRICS[f"{number[1]}k"], int(number[2])
    metric = METRICS[name]
    if name.endswith("_k"):
        raise ConfigError(f"{name} needs a number in the place of k, as in {name[:-1]}10.")
    return metric, None


def title(name: str) -> str:
    """A metric's title: ``R@10`` for ``recall_at_10``."""
    metric, k = find_metric(name)
    return metric.title if k is None else f"{metric.title[:-1]}{k}"
