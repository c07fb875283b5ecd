"""The devices that a training is spread over."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from ccp.distribution.cluster import connected_strategy, read_cluster
from ccp.distribution.processes import Processes
from ccp.errors import ConfigError


class Replicas(Processes):
    """One device, several devices of a machine, or several machines, with one interface.

    Every replica embeds its rows of the batch; the embeddings are gathered, and every replica computes the loss of the
    whole batch. So losses, proxies and memories equal those of one device, and no gradient is scaled by the number of
    replicas.
    """

    def scope(self) -> contextlib.AbstractContextManager:
        """The scope in which shared variables are created."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def spread(self, *tensors: tf.Tensor) -> tuple[Any, ...]:
        """Splits a batch over the replicas of this process, as evenly as possible, for ``run``.

        Args:
          tensors: [rows of this process, …], all with the same number of rows.

        Raises:
          ValueError: there are fewer rows than replicas.
        """
        if self.strategy is None:
            return tensors
        whole, count = [tf.convert_to_tensor(tensor) for tensor in tensors], self._local_count
        num_rows = whole[0].shape[0]
        if num_rows < count:
            raise ValueError(f"A batch of {num_rows} rows cannot be split over {count} devices; use larger batches.")

        def split(tensor):
            def rows(context):
                replica = context.replica_id_in_sync_group % count
                return tensor[replica * num_rows // count : (replica + 1) * num_rows // count]

            return self.strategy.experimental_distribute_values_from_function(rows)

        return tuple(map(split, whole))

    def map_rows(self, function: Callable[[Any], Any], rows: tf.Tensor) -> tf.Tensor:
        """Applies a function of rows on the replicas of this process, and concatenates the results.

        Args:
          function: calls ``run`` with what it is given; compiled or not.
          rows: [any number but 0, …]. The last row is repeated until every replica has as many rows.
        """
        if self.strategy is None:
            return function(rows)
        num_rows = rows.shape[0]
        padding = tf.repeat(rows[-1:], -num_rows % self._local_count, axis=0)
        results = function(*self.spread(tf.concat([rows, padding], axis=0)))
        return tf.concat(self.strategy.experimental_local_results(results), axis=0)[:num_rows]

    def run(self, function: Callable[..., Any], arguments: Sequence[Any] = ()) -> Any:
        """Calls a function on every replica; it may use the methods below."""
        return self.strategy.run(function, args=tuple(arguments)) if self.strategy else function(*arguments)

    def first(self, value: Any) -> Any:
        """What ``run`` returned on the first replica of this process."""
        return self.strategy.experimental_local_results(value)[0] if self.strategy else value

    def all_gather(self, rows: tf.Tensor) -> tf.Tensor:
        """On a replica: the rows of all replicas, in their order. Not differentiable."""
        if self.strategy is None:
            return rows
        return tf.distribute.get_replica_context().all_gather(tf.identity(rows), axis=0)

    def own_rows(self, gathered: tf.Tensor, num_rows: tf.Tensor) -> tf.Tensor:
        """On a replica: those rows that are its own.

        Args:
          gathered: [rows of all replicas, …].
          num_rows: how many rows this replica has.
        """
        if self.strategy is None:
            return gathered
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        # As float32, which every kind of device can sum.
        counts = tf.one_hot(replica, self.count) * tf.cast(num_rows, tf.float32)
        (counts,) = self.all_reduce_sum([counts])
        begin = tf.cast(tf.reduce_sum(counts[:replica]), tf.int32)
        return gathered[begin : begin + num_rows]

    def all_reduce_sum(self, tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """On a replica: the sums over all replicas."""
        if self.strategy is None or not tensors:
            return list(tensors)
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, list(tensors))


def replicas_of(strategy: str, batch_size: int, timeout: float = 900.0) -> Replicas:
    """The replicas of a strategy.

    Args:
      strategy: ``none``, ``mirrored`` (all GPUs of this machine, or all logical CPUs), or ``multi_worker`` (the
        processes of the environment variable TF_CONFIG).
      batch_size: rows of a training batch, over all processes.
      timeout: seconds that processes wait for each other.

    Raises:
      ConfigError: there are more replicas than rows in a batch, or TF_CONFIG is not valid.
    """
    if strategy == "none":
        return Replicas()
    if strategy == "multi_worker":
        replicas = Replicas(connected_strategy(timeout), read_cluster())
    else:
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        replicas = Replicas(tf.distribute.MirroredStrategy([device.name for device in devices]))
    if replicas.count > batch_size:
        raise ConfigError(
            f"A batch of {batch_size} images cannot be shared by {replicas.count} devices. Raise "
            "--classes_per_batch or --examples_per_class, or use fewer devices."
        )
    return replicas
