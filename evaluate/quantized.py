"""Smaller forms of a run's network, each judged on the run's test images."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ccp.command_flags import SMALLER_KINDS
from ccp.distances import lipschitz_normalize
from ccp.errors import ConfigError, UserError
from ccp.loss_names import refuse_unknown
from datasets.pipelines import EvaluationImages
from evaluate.embedding import judged
from evaluate.experiment import Experiment
from evaluate.forms_record import FormsRecord
from evaluate.full_precision import in_float32
from evaluate.outputs import check_directory, written_whole
from evaluate.restored import restored_experiment
from evaluate.serve_check_process import latency
from models.export import export
from models.float16 import Float16Weights
from models.serving.versions import version_directory
from models.tflite import LiteNetwork, convert

RESULT_FILE = "quantized.json"
# What the run's own network computes in, by its setting mixed_precision.
_AS_TRAINED = {"none": "float32", "float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}
_TFLITE_WEIGHTS = {"tflite": "float32", "tflite_float16": "float16", "tflite_int8": "int8"}


def quantize(
    run_dir: str, output: str, kinds: Sequence[str], data_dir: str | None = None, on_bad_image: str | None = None
) -> tuple[str, list[str]]:
    """Writes smaller forms of a run's best network, and judges each.

    Args:
      run_dir: of the run.
      output: directory to write into: ``float16/``, an export directory, and ``KIND.tflite``; must hold none of them.
      kinds: of ``SMALLER_KINDS``.
      data_dir: where the run's data are, if they have moved.
      on_bad_image: see ``restored_experiment``.

    Returns:
      A table for a terminal, and what was written; ``quantized.json`` in ``output`` has the table's numbers. Forms that
      earlier calls have judged there are in both. The first line is the network as it was trained.

    Raises:
      ConfigError: there is no such kind.
      UserError: something is in the way, or the network cannot be had in this form.
    """
    check_directory(output, "--output")
    paths = _places(pathlib.Path(output), kinds)
    record = FormsRecord(pathlib.Path(output) / RESULT_FILE)
    experiment, progress = restored_experiment(run_dir, data_dir, on_bad_image)

    def described() -> dict[str, Any]:
        return {**experiment.describe(), **progress}

    record.claim(described())
    full = judged_form(experiment, _compiled(experiment.model))
    network = in_float32(experiment)
    pathlib.Path(output).mkdir(parents=True, exist_ok=True)
    as_trained = _AS_TRAINED[experiment.config.model.mixed_precision]
    record.add(as_trained, full.compared(full, sum(weight.nbytes for weight in network.get_weights())), described())
    for kind, path in paths.items():
        if kind in _TFLITE_WEIGHTS:
            contents = convert(network, _TFLITE_WEIGHTS[kind])
            form, size = _judged_file(experiment, contents), len(contents)
            # In its place only now that it is judged, or another call would find it there.
            with written_whole(path) as file:
                file.write_bytes(contents)
        else:
            smaller = Float16Weights(network)
            form = judged_form(experiment, _compiled(smaller))
            info = {**described(), "stored_weights": kind, "test": form.scores}
            export(smaller, experiment.format, str(path), info)
            size = sum(file.stat().st_size for file in version_directory(path).glob("variables/*"))
        record.add(kind, form.compared(full, size), described())
    return form_table(record.forms), [str(path) for path in (*paths.values(), record.path)]


class Judged(NamedTuple):
    """A form of a network on the run's test images.

    Attributes:
      embeddings: [num_images, embedding_size].
      scores: of retrieval.
      median_ms: for one image.
    """

    embeddings: np.ndarray
    scores: dict[str, float]
    median_ms: float

    def compared(self, full: Judged, size: int) -> dict[str, Any]:
        """For JSON, what it costs of MAP@R and how far embeddings have moved at most among it.

        Args:
          full: the network as it was trained.
          size: of the weights on disk, bytes.
        """
        return {
            **self.scores,
            "map_at_r_lost": full.scores["map_at_r"] - self.scores["map_at_r"],
            "largest_move": float(np.linalg.norm(self.embeddings - full.embeddings, axis=1).max()),
            "median_ms": self.median_ms,
            "weights_mb": size / 2**20,
        }


def judged_form(experiment: Experiment, network: Callable[[tf.Tensor], Any]) -> Judged:
    """Embeds the test images by a form of the network, judges it, and times single images.

    Args:
      experiment: the run.
      network: preprocessed images [batch, size, size, channels] to normalised embeddings [batch, embedding_size].
    """
    test = experiment.splits.test
    images = EvaluationImages(test, experiment.format, experiment.bad_images)
    kept, embeddings, first = [], [], None
    for indices, batch in images:
        first = batch[:1] if first is None else first
        kept.append(indices)
        embeddings.append(np.asarray(network(batch)))
    if first is None:
        raise UserError("None of the run's test images can be read, so there is nothing to judge.")
    whole = np.concatenate(embeddings)
    median = latency(lambda: np.asarray(network(first)), 1)["median_ms"]
    return Judged(whole, judged(whole, np.concatenate(kept), test), median)


def form_table(forms: Mapping[str, Mapping[str, Any]]) -> str:
    """Scores in percent, what is lost, how far embeddings move, and what is gained: a line for each form."""
    lines = [" " * 16 + "".join(f"{title:>11}" for title in ("MAP@R", "lost", "P@1", "moved", "weights", "one image"))]
    for kind, form in forms.items():
        cells = [
            *(f"{100 * form[score]:.2f}" for score in ("map_at_r", "map_at_r_lost", "precision_at_1")),
            *(f"{form['largest_move']:.1e}", f"{form['weights_mb']:.2f} MB", f"{form['median_ms']:.2f} ms"),
        ]
        lines.append(f"{kind:<16}" + "".join(f"{cell:>11}" for cell in cells))
    return "\n".join(lines)


def _places(output: pathlib.Path, kinds: Sequence[str]) -> dict[str, pathlib.Path]:
    if not kinds:
        raise ConfigError(f"--kinds must name at least one of {', '.join(SMALLER_KINDS)}.")
    refuse_unknown(kinds, SMALLER_KINDS, "kind")
    places = {kind: output / (f"{kind}.tflite" if kind in _TFLITE_WEIGHTS else kind) for kind in kinds}
    for place in places.values():
        if place.exists():
            raise UserError(f"{place} exists already; pass another --output, or delete it first.")
    return places


def _judged_file(experiment: Experiment, contents: bytes) -> Judged:
    """See ``judged_form``; of a ``.tflite`` file, read from one as clients read it."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "network.tflite")
        with written_whole(path) as file:
            file.write_bytes(contents)
        return judged_form(experiment, LiteNetwork(str(path)))


def _compiled(network: Callable[..., tf.Tensor]) -> Callable[[tf.Tensor], tf.Tensor]:
    return tf.function(lambda images: lipschitz_normalize(network(images, training=False)), reduce_retracing=True)
