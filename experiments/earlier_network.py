"""The network of an earlier run, as the start of a new one."""

from __future__ import annotations

import tensorflow as tf

from ccp.errors import first_line
from ccp.plain_paths import plain_path
from experiments.run_directory import RunDirectory
from models.weights.errors import WeightsError
from models.weights.start_weights import EarlierNetwork

_BEST_WEIGHTS = "overall_best/copies/{}/.ATTRIBUTES/VARIABLE_VALUE"


def earlier_network(directory: str) -> EarlierNetwork:
    """The network of a run with its best weights so far; its data are not needed.

    Raises:
      RunError: the directory holds no run.
      WeightsError: it has no checkpoint yet, or its last one cannot be read.
    """
    run = RunDirectory(directory)
    settings = run.load_settings().network
    if not run.has_checkpoint:
        raise WeightsError(f"{run.path} has no checkpoint yet; resume it with main.py train for an epoch.")
    try:
        reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(plain_path(run.checkpoints)))
        saved = set(reader.get_variable_to_shape_map())
        names = iter(_BEST_WEIGHTS.format(number) for number in range(len(saved)))
        weights = [reader.get_tensor(name) for name in names if name in saved]
    except (tf.errors.OpError, IndexError, ValueError) as error:  # As TensorFlow reports a file that ends too early.
        raise WeightsError(
            f"The last checkpoint of {run.path} cannot be read ({first_line(error)}). If the run still trains, wait "
            "for the next one; otherwise pass other weights."
        ) from error
    return EarlierNetwork(str(run.path), settings, weights)
