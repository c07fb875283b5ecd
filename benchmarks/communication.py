"""What replicas send each other in a training step, as the collective operations of its graph have it.

Counted in two processes that train together, as two machines would: whatever they send is an operation of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence

import tensorflow as tf

from benchmarks.figures import FigureBenchmark
from benchmarks.sizes import BATCH_SIZE, CUB, EMBEDDING_SIZE, batch_labels
from ccp.distribution.cluster import VARIABLE
from ccp.distribution.replicas import replicas_of
from ccp.methods.build import Sizes, build_loss
from ccp.training.training_step import TrainingStep
from experiments.settings import configure
from models.embedding import build_embedding_model
from models.synchronized import synchronized

PROCESSES = 2
LOSSES = ("plain/contrastive", "proxy/contrastive")
IMAGE_SIZE, CHANNELS, FLOAT_BYTES = 64, 3, 4
# The embeddings once forward and their gradients once back.
LEAST_GATHERED = 2 * BATCH_SIZE * EMBEDDING_SIZE * FLOAT_BYTES
_GATHER, _REDUCE = "CollectiveGatherV2", "CollectiveReduceV2"


class CommunicationBenchmark(FigureBenchmark):
    def benchmark_bytes(self):
        for loss in LOSSES:
            frozen, trained = counted(loss, freeze_bn=True), counted(loss, freeze_bn=False)
            once = "embeddings once forward and once back"
            self.record_bytes(f"{loss}: gathered", once, frozen["gathered"] / LEAST_GATHERED, goal=1.0)
            self.record_bytes(f"{loss}: whether to stop", once, frozen["asked"] / LEAST_GATHERED)
            self.record_bytes(f"{loss}: summed", "parameters", frozen["summed"] / frozen["parameters"])
            statistics = trained["summed"] - trained["parameters"]
            self.record_bytes(f"{loss}: statistics of batch norms", "parameters", statistics / trained["parameters"])


def counted(loss: str, freeze_bn: bool) -> dict[str, int]:
    """Bytes by what is done with them, and those of all that is learned; see ``_count``."""
    hosts = [f"localhost:{port}" for port in _free_ports()]
    processes = []
    for index in range(PROCESSES):
        described = json.dumps({"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}})
        command = [sys.executable, "-m", "benchmarks.communication", loss, str(int(freeze_bn))]
        environment = {**os.environ, VARIABLE: described}
        processes.append(subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True))
    outputs = [process.communicate() for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError(f"Counting what {loss} sends failed:\n{outputs[0][1]}")
    return json.loads(outputs[0][0].splitlines()[-1])


def _free_ports() -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(PROCESSES)]
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]


def _count(loss_name: str, freeze_bn: bool) -> dict[str, int]:
    """Of the whole batch for what is gathered, of one replica for what is summed."""
    replicas = replicas_of("multi_worker", BATCH_SIZE)
    config = configure(
        {"loss": loss_name, "image_size": IMAGE_SIZE, "embedding_size": EMBEDDING_SIZE, "freeze_bn": freeze_bn}
    )
    with replicas.scope():
        model = synchronized(build_embedding_model(config.network, CHANNELS, seed=0))
        sizes = Sizes(CUB.num_classes, EMBEDDING_SIZE, BATCH_SIZE)
        loss = build_loss(config.loss.loss, config.loss.hyperparameters, sizes)
        step = TrainingStep(model, loss, config.optimizer, config.gradients, replicas=replicas)
    share = replicas.share(BATCH_SIZE)
    images = tf.zeros([share.stop - share.start, IMAGE_SIZE, IMAGE_SIZE, CHANNELS])
    batch = replicas.spread(images, batch_labels(CUB.num_classes)[share])

    @tf.function
    def sent(images, labels):
        step.step(images, labels)
        operations = tf.compat.v1.get_default_graph().get_operations()
        return [_bytes([op for op in operations if op.type == kind]) for kind in (_GATHER, _REDUCE)]

    gathered, summed = (int(number) for number in sent(*batch))
    flag = replicas.strategy.experimental_distribute_values_from_function(lambda _: tf.zeros([1], tf.int64))

    @tf.function
    def asked(flag):  # After every step, whether any process is to stop.
        replicas.run(replicas.gathered, [flag])
        return _bytes([op for op in tf.compat.v1.get_default_graph().get_operations() if op.type == _GATHER])

    learned = model.trainable_variables + [v for part in loss.parts for v in part.trainable_variables]
    return {
        "gathered": gathered * PROCESSES,
        "summed": summed,
        "asked": int(asked(flag)) * PROCESSES,
        "parameters": sum(v.shape.num_elements() for v in learned) * FLOAT_BYTES,
    }


def _bytes(operations: Sequence[tf.Operation]) -> tf.Tensor:
    """Of what a process puts in, once the step has been made: shapes are known only then."""
    put_in = [operation.inputs[0] for operation in operations]
    return tf.add_n([tf.size(tensor) * tensor.dtype.size for tensor in put_in])


if __name__ == "__main__":
    counts = json.dumps(_count(sys.argv[1], bool(int(sys.argv[2]))))
    print(counts, flush=True)
