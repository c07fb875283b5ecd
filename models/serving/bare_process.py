"""A written model tried in a bare process: Python with TensorFlow, and nothing of this project."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from models.serving.network import MASKED
from models.serving.versions import ExportError

TOLERANCE = 1e-5
_SECONDS = 600
# Isolated (-I), Python looks neither into the working directory nor into PYTHONPATH.
_PROGRAM = f"""
import pathlib

import numpy as np
import tensorflow as tf

files = sorted(pathlib.Path("files").iterdir())
model = tf.saved_model.load("model")
answer = model.signatures["{MASKED}"](encoded_images=tf.constant([file.read_bytes() for file in files]))
np.save("embeddings.npy", answer["embeddings"])
"""


class Sample(NamedTuple):
    """Images with known embeddings.

    Attributes:
      files: JPEG or PNG files.
      embeddings: [num_files, embedding_size] by the training code.
      tolerance: the largest acceptable difference.
    """

    files: Sequence[bytes]
    embeddings: np.ndarray
    tolerance: float = TOLERANCE


def largest_difference(version: pathlib.Path, sample: Sample) -> float:
    """The largest absolute difference between a model's embeddings in a bare process and those of a sample.

    Args:
      version: the directory of the SavedModel.
      sample: the images.

    Raises:
      ExportError: the model cannot be loaded there, or the difference exceeds the sample's tolerance.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment.update(CUDA_VISIBLE_DEVICES="-1", TF_CPP_MIN_LOG_LEVEL="3")  # This process may have filled the GPU.
    with tempfile.TemporaryDirectory() as folder:
        files = pathlib.Path(folder, "files")
        files.mkdir()
        for place, contents in enumerate(sample.files):
            (files / f"{place:06}").write_bytes(contents)
        # By another name: TensorFlow takes a path as a pattern, which may have other meanings in a name above.
        pathlib.Path(folder, "model").symlink_to(version.absolute())
        command = [sys.executable, "-I", "-c", _PROGRAM]
        try:
            subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=True
            )
        except subprocess.SubprocessError as error:
            output = getattr(error, "stderr", None) or str(error) or type(error).__name__
            raise ExportError(
                f"The exported model could not be tried in a separate process ({str(output).splitlines()[-1]})."
            ) from error
        embeddings = np.load(pathlib.Path(folder, "embeddings.npy"))
    difference = float(np.max(np.abs(embeddings - sample.embeddings))) if len(sample.files) else 0.0
    if not difference <= sample.tolerance:  # NaN is refused too.
        raise ExportError(
            f"The exported model's embeddings differ from the training code's by up to {difference:.1e}; at most "
            f"{sample.tolerance:.0e} is allowed. Nothing was written."
        )
    return difference
