"""What an exported model is tried on, and what the training code makes of it."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_sample_images

from ccp.distances import lipschitz_normalize
from ccp.errors import UserError
from ccp.runs import RunDirectory
from datasets.images.decoding import read_window
from datasets.images.pillow import decode_with_pillow
from datasets.images.windows import whole
from datasets.preprocessing import evaluation_image
from evaluate.embed_files import find_files
from evaluate.experiment import Experiment
from evaluate.restored import restored_experiment

MOST_IMAGES = 32
# What the exported model decodes of itself, whatever is in it.
_SENT_AS_THEY_ARE = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


class Trial(NamedTuple):
    """Images to try a model on.

    Attributes:
      source: where they come from, for the report.
      files: the bytes of image files, by name.
      expected: [num_files, embedding_size] by the training code's evaluation; None where there is no run.
    """

    source: str
    files: dict[str, bytes]
    expected: np.ndarray | None


def trial_for(
    run_dir: str | None = None, images: str | None = None, data_dir: str | None = None, repeat: int = 1
) -> Trial:
    """Images as a user has asked for them.

    Args:
      run_dir: the run that the exported model is of, or directory of ``run_mlrc``; None to leave out the comparison.
      images: a directory or pattern of images; None for the run's test images, or without a run two photographs.
      data_dir: where the run's data set is, if it has moved.
      repeat: which repeat of ``run_mlrc``, from 1 on.

    Raises:
      ImageError: there are no such images.
      RunError: there is no such run.
    """
    experiments = [restored_experiment(run, data_dir)[0] for run in _runs(run_dir, repeat)] if run_dir else []
    if images:
        return of_files(images, experiments)
    return of_test_images(experiments) if experiments else built_in()


def built_in() -> Trial:
    """Two photographs and parts of them, of different sizes and formats."""
    sources = load_sample_images()
    files = {}
    for name, pixels in zip(sources.filenames, sources.images):
        photograph, stem = Image.fromarray(pixels), pathlib.Path(name).stem
        files[f"{stem}.jpg"] = _file_of(photograph, "JPEG")
        files[f"part of {stem}.png"] = _file_of(photograph.crop((40, 30, 139, 229)), "PNG")
        files[f"grey {stem}.png"] = _file_of(photograph.convert("L").resize((64, 64)), "PNG")
    return Trial("two photographs that come with scikit-learn, and parts of them", files, None)


def of_files(images: str, experiments: Sequence[Experiment] = ()) -> Trial:
    """Image files.

    Args:
      images: a directory, searched in depth, or a pattern.
      experiments: the models of the run that the exported one is of; none to leave out the comparison.

    Raises:
      ImageError: there are none.
    """
    paths = [pathlib.Path(path) for path in find_files(images)]
    files = {str(paths[place]): paths[place].read_bytes() for place in _evenly(len(paths))}
    source = f"{len(files)} of the {len(paths)} files in {images}"
    return Trial(source, files, _joined([_embedded(one, files) for one in experiments]) if experiments else None)


def of_test_images(experiments: Sequence[Experiment]) -> Trial:
    """Test images of a run.

    Args:
      experiments: the models of the run.
    """
    test = experiments[0].splits.test
    examples = test.subset(_evenly(len(test)))
    embedded = [experiment.embed(examples) for experiment in experiments]
    kept = embedded[0][1]
    if not all(np.array_equal(kept, others) for _, others in embedded):
        raise UserError("Images were mended or broken while the models embedded them; run the command again.")
    files = {str(examples.images.names[place]): _contents(examples.images, place) for place in kept}
    if len(files) < len(kept):  # Images in memory may share a name.
        files = {f"{place}: {examples.images.names[place]}": _contents(examples.images, place) for place in kept}
    source = f"{len(files)} of the {len(test)} test images of the run"
    return Trial(source, files, _joined([embeddings for embeddings, _ in embedded]))


def _runs(run_dir: str, repeat: int) -> list[str]:
    """The run itself; or the models of one repeat of the protocol."""
    folds = sorted(pathlib.Path(run_dir).glob(f"fold*-repeat{repeat - 1}"))
    return [run_dir] if RunDirectory(run_dir).config.exists() or not folds else [str(fold) for fold in folds]


def _contents(images, place: int) -> bytes:
    """The file itself where that is what the network sees; otherwise its pixels in one without loss."""
    if images.boxes is None and pathlib.Path(images.names[place]).is_file():
        contents = pathlib.Path(images.names[place]).read_bytes()
        if contents.startswith(_SENT_AS_THEY_ARE):
            return contents
    return tf.io.encode_png(images.window(tf.constant(int(place)), whole)).numpy()


def _embedded(experiment: Experiment, files: dict[str, bytes]) -> np.ndarray:
    channels = experiment.format.channels

    def prepared(contents: bytes) -> tf.Tensor:
        def read(plan):
            return read_window(tf.constant(contents), plan, channels, others=decode_with_pillow)

        return evaluation_image(read, experiment.format)

    batch = tf.stack([prepared(contents) for contents in files.values()])
    return experiment.embedder.normalized([(np.arange(len(files)), batch)])[0]


def _joined(embeddings: Sequence[np.ndarray]) -> np.ndarray:
    """One model's as they are; several models' one after the other, and normalised again."""
    if len(embeddings) == 1:
        return embeddings[0]
    return lipschitz_normalize(np.concatenate(embeddings, axis=1)).numpy()


def _evenly(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, MOST_IMAGES)).astype(int))


def _file_of(image: Image.Image, file_format: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format)
    return buffer.getvalue()
