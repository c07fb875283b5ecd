"""Trains with PyTorch Metric Learning from the files of ``exchange.py``, or scores embeddings with it, or times steps.

``python -m benchmarks.peers.pml train DIRECTORY`` writes ``pml_embeddings.npy`` and ``pml_losses.npy``,
``… score LABELS EMBEDDINGS …`` and ``… versions`` print JSON, ``… time DIRECTORY`` makes steps as ``turns.py`` says.

The library's losses are set up by its arguments alone, but for the normalisation of embeddings: here that is
v / max(1, ‖v‖), there v / ‖v‖, so both distances get ours.
"""

from __future__ import annotations

import json
import pathlib
import sys
from importlib import metadata

import numpy as np
import torch
from pytorch_metric_learning import distances, losses
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN

from benchmarks.peers.turns import serve

_SCORES = {
    "precision_at_1": "precision_at_1",
    "r_precision": "r_precision",
    "mean_average_precision_at_r": "map_at_r",
}


class _InUnitBall:
    def normalize(self, embeddings, dim=1, **_):
        return embeddings / embeddings.norm(dim=dim, keepdim=True).clamp(min=1)


class Euclidean(_InUnitBall, distances.LpDistance):
    pass


class InnerProduct(_InUnitBall, distances.DotProductSimilarity):
    pass


class Conv4(torch.nn.Module):
    """The network of ``models/backbones/conv4.py`` with its embedding layer, from the same weights."""

    def __init__(self, weights):
        super().__init__()
        blocks = []
        for block in range(4):
            kernel = torch.tensor(weights[f"conv{block}/kernel"].transpose(3, 2, 0, 1))
            convolution = torch.nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1, bias=False)
            convolution.weight.data = kernel.contiguous()
            # Keras' epsilon and momentum; scale 1 and shift 0 are where both start.
            norm = torch.nn.BatchNorm2d(kernel.shape[0], eps=1e-3, momentum=0.01)
            blocks += [convolution, norm, torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
        self.blocks = torch.nn.Sequential(*blocks)
        kernel = torch.tensor(weights["embedding/kernel"].T)
        self.embedding = torch.nn.Linear(*kernel.shape[::-1], bias=False)
        self.embedding.weight.data = kernel.contiguous()

    def forward(self, images):
        """[batch, size, size, channels] in 0 … 255 to embeddings [batch, embedding_size]."""
        features = self.blocks(images.permute(0, 3, 1, 2) / 127.5 - 1)
        return self.embedding(features.mean(dim=(2, 3)))


def build_loss(settings, weights):
    values, kind = settings["hyperparameters"], settings["loss"]
    if kind == "contrastive":
        return losses.ContrastiveLoss(values["pos_margin"], values["neg_margin"], distance=Euclidean())
    if kind == "triplet":
        return losses.TripletMarginLoss(margin=values["margin"], distance=Euclidean())
    if kind == "multi_similarity":
        return losses.MultiSimilarityLoss(values["alpha"], values["beta"], values["base"], distance=InnerProduct())
    proxies = torch.tensor(weights["proxies"])
    loss = losses.ProxyAnchorLoss(
        *proxies.shape, margin=values["margin"], alpha=values["scale"], distance=InnerProduct()
    )
    loss.proxies.data = proxies
    return loss


class Training:
    """One step after the other, as ``ccp/training/training_step.py`` makes them."""

    def __init__(self, directory: pathlib.Path):
        self._settings = json.loads((directory / "settings.json").read_text())
        weights = np.load(directory / "weights.npz")
        self.network, self._loss = Conv4(weights), build_loss(self._settings, weights)
        norms = [m for m in self.network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        undecayed = {id(p) for norm in norms for p in norm.parameters()}
        self._parameters = [*self.network.parameters(), *self._loss.parameters()]
        self._decayed = [p for p in self._parameters if id(p) not in undecayed]
        self._optimizer = torch.optim.Adam(self._parameters, lr=self._settings["learning_rate"], eps=1e-7)

    def __call__(self, images, labels) -> float:
        self._optimizer.zero_grad()
        loss = self._loss(self.network(torch.from_numpy(images)), torch.from_numpy(labels))
        loss.backward()
        # Weight decay before the clipping, where Adam's own argument would add it after that.
        torch._foreach_add_([p.grad for p in self._decayed], self._decayed, alpha=self._settings["weight_decay"])
        torch.nn.utils.clip_grad_norm_(self._parameters, self._settings["clip_norm"])
        torch.nn.utils.clip_grad_value_(self._parameters, self._settings["clip_value"])
        self._optimizer.step()
        return loss.item()


def train(directory: pathlib.Path) -> None:
    step = Training(directory)
    batches = np.load(directory.parent / "batches.npy", mmap_mode="r")
    of_steps = [step(np.array(images), labels) for images, labels in zip(batches, _labels(directory))]
    step.network.eval()
    with torch.no_grad():
        images = torch.from_numpy(np.load(directory.parent / "test_images.npy"))
        embeddings = _InUnitBall().normalize(torch.cat([step.network(part) for part in images.split(256)]))
    np.save(directory / "pml_losses.npy", of_steps)
    np.save(directory / "pml_embeddings.npy", embeddings.numpy())


def score(labels: str, *files: str) -> None:
    calculator = AccuracyCalculator(
        include=tuple(_SCORES), knn_func=CustomKNN(distances.LpDistance(normalize_embeddings=False)), k="max_bin_count"
    )
    classes = torch.from_numpy(np.load(labels))
    for file in files:
        scores = calculator.get_accuracy(torch.from_numpy(np.load(file)), classes)
        print(json.dumps({ours: float(scores[theirs]) for theirs, ours in _SCORES.items()}))


def time_steps(directory: pathlib.Path) -> None:
    torch.set_num_threads(1)
    step = Training(directory)
    batches = np.load(directory.parent / "batches.npy", mmap_mode="r")[:20].copy()
    labels = _labels(directory)
    serve(lambda at: step(batches[at % len(batches)], labels[at % len(batches)]))


def _labels(directory: pathlib.Path) -> np.ndarray:
    return np.load(directory.parent / "labels.npy")


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "versions":
        print(json.dumps({name: metadata.version(name) for name in ("torch", "pytorch-metric-learning")}))
    elif command == "score":
        score(*arguments)
    else:
        {"train": train, "time": time_steps}[command](pathlib.Path(arguments[0]))
