"""The devices that a training is spread over."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ccp.distribution.cluster import Cluster, cluster_of
from ccp.distribution.peers import connected
from ccp.errors import ConfigError, TrainingError

# For variables that a loss assigns to while it is computed: every replica sees the whole batch, computes the same, and
# keeps its own copy.
ALIKE_EVERYWHERE = {
    "synchronization": tf.VariableSynchronization.ON_READ,
    "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA,
}
_ALONE = Cluster(num_workers=1, worker=0)


class Replicas:
    """One device, several devices of a machine, or several machines, behind one interface.

    A batch is one batch, however many replicas share it: replica r of R has its rows ⌊rB/R⌋ to ⌊(r+1)B/R⌋, the
    embeddings of all are gathered, and every replica computes the loss of all of them. So losses, proxies and memories
    are what they are on one device, negatives come from the whole batch, and no gradient is off by a factor.

    Attributes:
      count: replicas in all.
      is_chief: whether this process writes what is written; one of all does.
      num_workers: processes.

    Args:
      strategy: of ``tf.distribute``, mirrored on one machine or several; None is one device, without any of it.
      cluster: the processes that train together.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None, cluster: Cluster = _ALONE):
        self.strategy = strategy
        self.count = strategy.num_replicas_in_sync if strategy else 1
        self.num_workers, self._worker = cluster.num_workers, cluster.worker
        self.is_chief = cluster.is_chief
        self._local_count = self.count // self.num_workers
        self._gather = tf.function(self._gathered_rows, reduce_retracing=True)

    def scope(self) -> contextlib.AbstractContextManager:
        """Where variables are made that all replicas share."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def share(self, num_rows: int) -> slice:
        """The rows, of so many, that this process reads."""
        first = self._worker * self._local_count
        return slice(first * num_rows // self.count, (first + self._local_count) * num_rows // self.count)

    def spread(self, num_rows: int, *tensors: tf.Tensor) -> tuple[Any, ...]:
        """Hands the rows of this process to its replicas, for ``run``.

        Args:
          num_rows: of all processes.
          tensors: [rows of this process, …].
        """
        if self.strategy is None:
            return tensors
        begin = self.share(num_rows).start

        def of_replica(tensor):
            def rows(context):
                replica = context.replica_id_in_sync_group
                first, end = replica * num_rows // self.count, (replica + 1) * num_rows // self.count
                return tensor[first - begin : end - begin]

            return self.strategy.experimental_distribute_values_from_function(rows)

        return tuple(of_replica(tf.convert_to_tensor(tensor)) for tensor in tensors)

    def deal(self, rows: tf.Tensor) -> tuple[Any]:
        """Hands rows to the replicas of this process evenly, for ``run``; the last row fills up what is missing."""
        if self.strategy is None:
            return (rows,)
        each = -(-rows.shape[0] // self._local_count)
        rows = tf.gather(rows, np.minimum(np.arange(each * self._local_count), rows.shape[0] - 1))

        def of_replica(context):
            at = context.replica_id_in_sync_group % self._local_count * each
            return rows[at : at + each]

        return (self.strategy.experimental_distribute_values_from_function(of_replica),)

    def run(self, function: Callable[..., Any], arguments: Sequence[Any] = ()) -> Any:
        """Calls a function on every replica, which may use the methods below."""
        return self.strategy.run(function, args=tuple(arguments)) if self.strategy else function(*arguments)

    def first(self, value: Any) -> Any:
        """What the first replica of this process returned."""
        return self.strategy.experimental_local_results(value)[0] if self.strategy else value

    def local_rows(self, value: Any) -> tf.Tensor:
        """What the replicas of this process returned, one after the other."""
        return tf.concat(self.strategy.experimental_local_results(value), axis=0) if self.strategy else value

    def gathered(self, rows: tf.Tensor) -> tf.Tensor:
        """On a replica: the rows of all replicas, in the order of the batch. No gradient goes through."""
        if self.strategy is None:
            return rows
        return tf.distribute.get_replica_context().all_gather(tf.identity(rows), axis=0)

    def own(self, rows: tf.Tensor) -> tf.Tensor:
        """On a replica: its own of the rows of all."""
        if self.strategy is None:
            return rows
        replica, num_rows = tf.distribute.get_replica_context().replica_id_in_sync_group, tf.shape(rows)[0]
        return rows[replica * num_rows // self.count : (replica + 1) * num_rows // self.count]

    def summed(self, tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """On a replica: the sums over all replicas."""
        if self.strategy is None or not tensors:
            return list(tensors)
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, list(tensors))

    def joined(self, rows: np.ndarray) -> np.ndarray:
        """What all processes have, one after the other; each calls this, with rows [any number, …] of its own."""
        if self.num_workers == 1:
            return rows

        def of_replica(context):  # All by the first replica of the process.
            mine = context.replica_id_in_sync_group % self._local_count == 0
            return tf.constant(rows if mine else rows[:0])

        return self._gather(self.strategy.experimental_distribute_values_from_function(of_replica)).numpy()

    def any(self, flag: bool) -> bool:
        """Whether any process says yes; each calls this, and waits for all."""
        return bool(self.joined(np.array([flag], np.int64)).any()) if self.num_workers > 1 else flag

    def wait(self) -> None:
        """Until all processes are here; each calls this."""
        self.any(False)

    def of_chief(self, values: np.ndarray | tf.Tensor) -> np.ndarray | tf.Tensor:
        """What the chief has; each calls this, with values of the same shape.

        For what all go by: processes on unlike machines can differ in the last digit, and then in a decision.
        """
        if self.num_workers == 1:
            return values
        return self.joined(np.asarray(values)[np.newaxis][: int(self.is_chief)])[0]

    def said(self, text: str) -> list[str]:
        """The texts of all processes; each calls this, with its own."""
        letters = np.frombuffer(text.encode(), np.uint8).astype(np.int64)  # GPUs do not gather bytes.
        ends = np.cumsum(self.joined(np.array([len(letters)], np.int64)))
        return [part.astype(np.uint8).tobytes().decode() for part in np.split(self.joined(letters), ends[:-1])]

    def agree(self, step: int | None) -> None:
        """Makes sure that all processes go on from the same checkpoint; each calls this.

        Args:
          step: of the checkpoint; None if there is none.

        Raises:
          TrainingError: they do not.
        """
        found = self.said("none" if step is None else f"step {step}")
        if len(set(found)) > 1:
            raise TrainingError(
                f"The processes found different checkpoints ({', '.join(found)}). All need the same --run_dir, on a "
                "file system that they share."
            )

    def _gathered_rows(self, rows: Any) -> tf.Tensor:
        return self.first(self.run(self.gathered, [rows]))


def replicas_of(strategy: str, batch_size: int, should_stop: Callable[[], bool] = lambda: False) -> Replicas:
    """The devices that a configuration's ``strategy`` means.

    Args:
      strategy: ``none``, ``mirrored`` (all GPUs of this machine, or all logical CPUs), or ``multi_worker`` (as the
        environment variable TF_CONFIG has it).
      batch_size: of training.
      should_stop: asked while waiting for other processes.

    Raises:
      ConfigError: there are more replicas than images in a batch, or TF_CONFIG does not say what it should.
      TrainingError: other processes have not come.
      Interrupted: ``should_stop`` said so.
    """
    if strategy == "none":
        return Replicas()
    if strategy == "multi_worker":
        replicas = Replicas(connected(should_stop), cluster_of())
    else:
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        replicas = Replicas(tf.distribute.MirroredStrategy([device.name for device in devices]))
    if replicas.count > batch_size:
        raise ConfigError(
            f"A batch of {batch_size} images cannot be shared by {replicas.count} devices. Raise "
            "--classes_per_batch or --examples_per_class, or use fewer devices."
        )
    return replicas
