"""What the network scores before the first step, so that every run says what training added."""

from __future__ import annotations

import dataclasses

import numpy as np

from ccp.distances import lipschitz_normalize
from datasets.examples import Examples
from datasets.input.pipelines import EvaluationImages
from evaluate.embedded import Embedded
from evaluate.embedding import Embedder
from experiments.experiment import Experiment
from models.embedding import EMBEDDING_LAYER, pooled_features
from models.weights.start_weights import has_start_weights

UNTRAINED = "untrained"
POOLED, WITH_EMBEDDING_LAYER = "pretrained, pooled features", "pretrained, with embedding layer"


def score_start(experiment: Experiment) -> dict[str, dict[str, dict[str, float]]]:
    """Scores the network as it is now on validation and test images; every process calls this.

    Args:
      experiment: with the weights that training starts from.

    Returns:
      By row and split, the scores by metric. A network with random weights is one row. One with pretrained weights is
      two: its pooled features at unit length, and the embeddings that the embedding layer, usually random, makes of
      them.
    """
    embed = _embed_pretrained if has_start_weights(experiment.settings.network) else _embed_untrained
    splits = experiment.splits
    tested = embed(experiment, splits.test)
    validated = tested if splits.validation is splits.test else embed(experiment, splits.validation)
    return {row: {"validation": validated[row].result.means, "test": tested[row].result.means} for row in tested}


def _embed_untrained(experiment: Experiment, examples: Examples) -> dict[str, Embedded]:
    return {UNTRAINED: experiment.embed(examples, shared=True)}


def _embed_pretrained(experiment: Experiment, examples: Examples) -> dict[str, Embedded]:
    images = EvaluationImages(examples, experiment.format, experiment.bad_images, experiment.replicas.share)
    pooled = Embedder(pooled_features(experiment.model), experiment.replicas).outputs(images, shared=True)
    lengths = np.linalg.norm(pooled.embeddings, axis=1, keepdims=True)
    embeddings = experiment.model.get_layer(EMBEDDING_LAYER)(pooled.embeddings)
    return {
        POOLED: dataclasses.replace(pooled, embeddings=pooled.embeddings / np.maximum(lengths, 1e-12)),
        WITH_EMBEDDING_LAYER: dataclasses.replace(pooled, embeddings=lipschitz_normalize(embeddings).numpy()),
    }
