"""What replicas send each other in a training step, counted by the collective operations of its graph.

Counted in two processes that train together: between processes, everything sent is an operation.
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
from ccp.distribution.replicas import replicas_of
from ccp.methods.build import Sizes, build_loss
from ccp.training.training_step import TrainingStep, loss_variables
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
            self.record_bytes(f"{loss}: summed", "parameters", frozen["summed"] / frozen["parameters"])
            statistics = trained["summed"] - trained["parameters"]
            self.record_bytes(f"{loss}: statistics of batch norms", "parameters", statistics / trained["parameters"])


def counted(loss: str, freeze_bn: bool) -> dict[str, int]:
    """Bytes gathered, bytes summed, and the bytes of all trained variables; see ``_count``."""
    with contextlib.ExitStack() as held:
        servers = [held.enter_context(socket.create_server(("localhost", 0))) for _ in range(PROCESSES)]
        addresses = [f"localhost:{server.getsockname()[1]}" for server in servers]
    processes = []
    for index in range(PROCESSES):
        config = json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        command = [sys.executable, "-m", "benchmarks.communication", loss, str(int(freeze_bn))]
        processes.append(
            subprocess.Popen(command, env={**os.environ, "TF_CONFIG": config}, stdout=-1, stderr=-1, text=True)
        )
    outputs = [process.communicate() for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError(f"Counting what {loss} sends failed:\n{outputs[0][1]}")
    return json.loads(outputs[0][0].splitlines()[-1])


def _count(loss_name: str, freeze_bn: bool) -> dict[str, int]:
    """Gathered: of the whole batch. Summed: of one replica."""
    replicas = replicas_of("multi_worker", BATCH_SIZE)
    settings = configure(
        {"loss": loss_name, "image_size": IMAGE_SIZE, "embedding_size": EMBEDDING_SIZE, "freeze_bn": freeze_bn}
    )
    with replicas.scope():
        model = synchronized(build_embedding_model(settings.network, CHANNELS, seed=0))
        sizes = Sizes(CUB.num_classes, EMBEDDING_SIZE, BATCH_SIZE)
        loss = build_loss(settings.loss.loss, settings.loss.hyperparameters, sizes)
        step = TrainingStep(model, loss, settings.optimizer, settings.gradients, replicas=replicas)
    share = replicas.share(BATCH_SIZE)
    images = tf.zeros([share.stop - share.start, IMAGE_SIZE, IMAGE_SIZE, CHANNELS])
    batch = replicas.spread(images, batch_labels(CUB.num_classes)[share])

    @tf.function
    def sent(images, labels):
        step.step(images, labels)
        operations = tf.compat.v1.get_default_graph().get_operations()
        return [_bytes([op for op in operations if op.type == kind]) for kind in (_GATHER, _REDUCE)]

    gathered, summed = (int(number) for number in sent(*batch))
    proxies, others = loss_variables(loss)
    trained = [*model.trainable_variables, *proxies, *others]
    parameters = sum(variable.shape.num_elements() for variable in trained)
    return {"gathered": gathered * PROCESSES, "summed": summed, "parameters": parameters * FLOAT_BYTES}


def _bytes(operations: Sequence[tf.Operation]) -> tf.Tensor:
    """What a process sends, known once the step has run: shapes are not known before."""
    inputs = [operation.inputs[0] for operation in operations]
    return tf.add_n([tf.size(tensor) * tensor.dtype.size for tensor in inputs])


if __name__ == "__main__":
    counts = json.dumps(_count(sys.argv[1], bool(int(sys.argv[2]))))
    print(counts, flush=True)
