"""A small network over the digits and its export, made once for all tests of a process."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import pathlib
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ccp.distances import lipschitz_normalize
from datasets.examples import Examples, split_examples
from datasets.images.sources import ImagesInMemory
from datasets.input.pipelines import EvaluationImages
from datasets.manifest import TEST
from datasets.reading import load
from datasets.settings import DataSettings
from evaluate.embedding import Embedder
from models.embedding import build_embedding_model, image_format
from models.serving.export import export
from models.serving.exported_model import ExportedModel
from models.serving.gallery import Gallery
from models.serving.network import EmbeddingNetwork
from models.settings import NetworkSettings

SETTINGS = NetworkSettings(width=16, image_size=16, embedding_size=6)
FORMAT = image_format(SETTINGS, channels=1)
INFO = {"dataset": "digits", "loss": "ccp/contrastive", "image_format": dataclasses.asdict(FORMAT)}
# Of the gallery in the export.
IDS = tuple(f"{number % 5}/{number}.png" for number in range(12))
LABELS = tuple(name.split("/")[0] for name in IDS)
THRESHOLD = {"threshold": 0.5, "interval_95": [0.3, 0.6], "fmr": 1e-3}


@functools.cache
def network() -> tf.keras.Model:
    """Untrained, but with moved batch-norm statistics, and with embeddings of norms on both sides of 1."""
    model = build_embedding_model(SETTINGS, channels=1, seed=0)
    random = np.random.default_rng(0)
    for variable in model.non_trainable_variables:
        lowest, highest = (0.05, 0.2) if "variance" in variable.name else (-0.2, 0.1)
        variable.assign(random.uniform(lowest, highest, variable.shape))
    _, images = next(iter(_evaluation_images(digit_images(60))))
    norms = np.linalg.norm(model(images, training=False), axis=1)
    kernel = model.get_layer("embedding").kernel
    kernel.assign(kernel / np.median(norms))
    # Equal embeddings would show no mistake.
    assert np.std(lipschitz_normalize(model(images, training=False)), axis=0).min() > 0.02
    return model


@functools.cache
def exported() -> pathlib.Path:
    """The directory of an export of ``network()`` with the first 12 digits as its gallery; it has one version."""
    directory = pathlib.Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    gallery = Gallery(IDS, LABELS, expected(digit_images(12)))
    module = EmbeddingNetwork(network(), FORMAT)
    export(module, module.signatures(), str(directory), INFO, gallery, threshold=THRESHOLD)
    return directory


@functools.cache
def signatures() -> Mapping[str, Any]:
    """All signatures, loaded once."""
    return ExportedModel(exported()).signatures


@functools.cache
def digit_images(count: int) -> np.ndarray:
    """[count, 8, 8, 1] uint8 images of the digits 5 to 9."""
    return split_examples(load(DataSettings(dataset="digits")), TEST).images.pixels[:count]


def expected(images: np.ndarray) -> np.ndarray:
    """The evaluation's embeddings of [number, height, width, 1] uint8 images."""
    return Embedder(network()).embed(_evaluation_images(images)).embeddings


def _evaluation_images(images: np.ndarray) -> EvaluationImages:
    names = np.full(len(images), "a digit", object)
    examples = Examples(
        ImagesInMemory(images, names), np.zeros(len(images), np.int64), ("any",), np.full(len(images), "")
    )
    return EvaluationImages(examples, FORMAT)
