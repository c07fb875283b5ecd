"""What an exported model is tried on, and what the training code makes of it."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_sample_images

from ccp.distances import lipschitz_normalize
from ccp.errors import UserError
from ccp.runs import RunDirectory
from datasets.images.decoding import read_window, reason
from datasets.images.pillow import decode_with_pillow
from datasets.images.windows import whole
from datasets.preprocessing import evaluation_image
from evaluate.embed_files import find_files
from evaluate.embedding import Embedder
from evaluate.experiment import Experiment
from evaluate.file_embedder import ImageError
from evaluate.full_precision import in_float32
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
      reference: what that is, in words.
      left_out: why, by name, files were left out that it cannot read.
      all_of_them: the model must embed each; otherwise, of a user's files, those it cannot embed are left out.
    """

    source: str
    files: dict[str, bytes]
    expected: np.ndarray | None
    reference: str = "the run's evaluation"
    left_out: Mapping[str, str] = MappingProxyType({})
    all_of_them: bool = True


def trial_for(
    run_dir: str | None = None,
    images: str | None = None,
    data_dir: str | None = None,
    repeat: int = 1,
    float16: bool = False,
) -> Trial:
    """Images as a user has asked for them.

    Args:
      run_dir: the run that the exported model is of, or directory of ``run_mlrc``; None to leave out the comparison.
      images: a directory or pattern of images; None for the run's test images, or without a run two photographs.
      data_dir: where the run's data set is, if it has moved.
      repeat: which repeat of ``run_mlrc``, from 1 on.
      float16: the exported model stores its kernels as float16, so the run's are rounded to that before the comparison.

    Raises:
      ImageError: there are no such images.
      RunError: there is no such run.
    """
    experiments = [restored_experiment(run, data_dir)[0] for run in _runs(run_dir, repeat)] if run_dir else []
    if float16:
        for experiment in experiments:
            _round_kernels(experiment)
    if not images and not experiments:
        return built_in()
    trial = of_files(images, experiments) if images else of_test_images(experiments)
    return trial._replace(reference="the run's evaluation, kernels rounded to float16") if float16 else trial


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
      ImageError: there are none, or none that can be read.
    """
    paths = find_files(images)
    tried = [paths[place] for place in _evenly(len(paths))]
    files: dict[str, bytes] = {}
    left_out: dict[str, str] = {}
    for path in tried:
        try:
            files[path] = pathlib.Path(path).read_bytes()
            if experiments:
                _prepared(experiments[0], files[path])
        except OSError as error:
            left_out[path] = str(error.strerror)
        except tf.errors.InvalidArgumentError as error:
            del files[path]
            left_out[path] = reason(error)
    if not files:
        first, why = next(iter(left_out.items()))
        raise ImageError(
            f"None of the {len(tried)} files tried of {images!r} can be read as an image ({first}: {why}); pass "
            "--images, a directory of images, or a quoted pattern like 'd/*.png'."
        )
    source = f"{len(tried)} of the {len(paths)} files in {images}"
    expected = _joined([_embedded(one, files) for one in experiments]) if experiments else None
    return Trial(source, files, expected, left_out=left_out, all_of_them=False)


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


def _prepared(experiment: Experiment, contents: bytes) -> tf.Tensor:
    def read(plan):
        return read_window(tf.constant(contents), plan, experiment.format.channels, others=decode_with_pillow)

    return evaluation_image(read, experiment.format)


def _embedded(experiment: Experiment, files: dict[str, bytes]) -> np.ndarray:
    batch = tf.stack([_prepared(experiment, contents) for contents in files.values()])
    return experiment.embedder.normalized([(np.arange(len(files)), batch)])[0]


def _round_kernels(experiment: Experiment) -> None:
    """As an export of kind float16 does: to 11 significant bits, all but what has one dimension."""
    network = in_float32(experiment)
    network.set_weights([w.astype(np.float16).astype(np.float32) if w.ndim > 1 else w for w in network.get_weights()])
    experiment.model, experiment.embedder = network, Embedder(network)


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
