"""What the processes of a training exchange between its steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ccp.distribution.cluster import Cluster
from ccp.errors import TrainingError

_ONE_PROCESS = Cluster(num_workers=1, worker=0)


class Processes:
    """The processes that train together; with one process, every method returns what it is given.

    Every process must call the same methods in the same order; each call waits for all of them.

    Attributes:
      strategy: connects the processes; None for one device.
      count: replicas, over all processes.
      num_workers: processes.
      is_chief: whether this process writes the files; exactly one does.

    Args:
      strategy: of ``tf.distribute``.
      cluster: the processes.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None, cluster: Cluster = _ONE_PROCESS):
        self.strategy = strategy
        self.count = strategy.num_replicas_in_sync if strategy else 1
        self.num_workers, self.is_chief = cluster.num_workers, cluster.is_chief
        self._worker, self._local_count = cluster.worker, self.count // cluster.num_workers
        # Compiled once; strategy.gather is traced anew at every call.
        self._gather = tf.function(self._gather_on_replicas, reduce_retracing=True)

    def share(self, num_rows: int) -> slice:
        """The slice of ``num_rows`` rows that this process reads."""
        first = self._worker * self._local_count
        return slice(first * num_rows // self.count, (first + self._local_count) * num_rows // self.count)

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Concatenates the rows of all processes, in their order.

        Args:
          rows: [number of rows of this process, …].

        Returns:
          [number of rows of all processes, …].
        """
        if self.num_workers == 1:
            return rows
        counts = self._gather_some(np.array([len(rows)], np.int64))
        return self._gather_some(rows) if counts.any() else rows

    def gather_texts(self, text: str) -> list[str]:
        """The texts of all processes, in their order."""
        letters = np.frombuffer(text.encode(), np.uint8).astype(np.int64)  # GPUs cannot gather bytes.
        ends = np.cumsum(self.gather(np.array([len(letters)], np.int64)))
        return [part.astype(np.uint8).tobytes().decode() for part in np.split(self.gather(letters), ends[:-1])]

    def broadcast_from_chief(self, values: np.ndarray | tf.Tensor) -> np.ndarray | tf.Tensor:
        """The chief's values, on every process; all pass values of the same shape.

        For whatever decisions depend on: on different machines results can differ in the last digit.
        """
        if self.num_workers == 1:
            return values
        return self.gather(np.asarray(values)[np.newaxis][: int(self.is_chief)])[0]

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any process."""
        return bool(self._gather_some(np.array([flag], np.int64)).any()) if self.num_workers > 1 else flag

    def barrier(self) -> None:
        """Waits until all processes have called this."""
        self.any(False)

    def check_same_step(self, step: int | None) -> None:
        """Checks that all processes resume from the same checkpoint.

        Args:
          step: of the checkpoint; None without one.

        Raises:
          TrainingError: they have found different checkpoints.
        """
        found = self.gather_texts("none" if step is None else f"step {step}")
        if len(set(found)) > 1:
            raise TrainingError(
                f"The processes found different checkpoints ({', '.join(found)}). All need the same --run_dir, on a "
                "file system that they share."
            )

    def _gather_some(self, rows: np.ndarray) -> np.ndarray:
        """At least one process must have rows: TensorFlow crashes otherwise."""

        def value(context):  # The first replica of a process sends all of its rows.
            is_first = context.replica_id_in_sync_group % self._local_count == 0
            return tf.constant(rows if is_first else rows[:0])

        return self._gather(self.strategy.experimental_distribute_values_from_function(value)).numpy()

    def _gather_on_replicas(self, rows: Any) -> tf.Tensor:
        def gather(rows):
            # Without the copy TensorFlow does not know on which device the rows are.
            return tf.distribute.get_replica_context().all_gather(tf.identity(rows), axis=0)

        return self.strategy.experimental_local_results(self.strategy.run(gather, args=(rows,)))[0]
