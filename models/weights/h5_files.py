"""Weights in Keras' HDF5 files. Only tensors are read, never the network that a file may describe."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator, Mapping

import h5py
import tensorflow as tf

from datasets.files import written_whole
from models.weights.assignment import layer_name, tensor_name, tensors_of
from models.weights.errors import WeightsError, check_readable

_OPTIMIZER = "optimizer_weights/"  # In files of compiled models.
_UNNAMED = ("", "vars")  # Instead of a layer's name in Keras' newer layout.


@contextlib.contextmanager
def read_h5(path: str) -> Iterator[Mapping[str, h5py.Dataset]]:
    """The tensors of a Keras ``.h5`` file by ``layer/weight``.

    Yields:
      HDF5 data sets, whose values are read as they are used, until the context ends.

    Raises:
      WeightsError: there is no such file, it is not a complete HDF5 file, it refers to other files, its tensors have
        no layer names, or two have the same one.
    """
    check_readable(path)
    with contextlib.ExitStack() as stack:
        try:
            tensors = _tensors(stack.enter_context(h5py.File(path, "r")), path)
        except WeightsError:
            raise
        except Exception as error:  # For damaged files, h5py raises many kinds, down to SystemError.
            raise WeightsError(
                _other_file(path) or f"{path} is not a whole HDF5 file ({error}); get it again."
            ) from error
        yield tensors


def save_weights_h5(model: tf.keras.Model, path: str) -> None:
    """Writes a network's weights in the layout of Keras 2's ``.h5`` files, which either Keras loads.

    Raises:
      OutputError: no file can be written at ``path``; an existing one is unchanged.
    """
    tensors = tensors_of(model)
    layers = list(dict.fromkeys(map(layer_name, tensors)))
    with written_whole(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer in layers:
            group = file.create_group(layer)
            names = [f"{name}:0" for name in tensors if layer_name(name) == layer]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name in names:
                group[name] = tensors[name.partition(":")[0]]


def _other_file(path: str) -> str:
    """What a file is that is no HDF5 file, and how to use it; empty if it is none of the usual ones."""
    with open(path, "rb") as file:
        start = file.read(2)
    names = zipfile.ZipFile(path).namelist() if zipfile.is_zipfile(path) else []
    if "model.weights.h5" in names:
        return (
            f"{path} is a whole Keras model. Pass it as --backbone={path}, or save its weights alone, by "
            "model.save_weights('weights.h5'), and pass that file."
        )
    if start == b"\x80\x02" or any(name.endswith("data.pkl") for name in names):
        return (
            f"{path} is a checkpoint of PyTorch, and --weights takes Keras' .h5 files. main.py convert makes one of "
            "BN-Inception's checkpoint."
        )
    return ""


def _tensors(file: h5py.File, path: str) -> dict[str, h5py.Dataset]:
    items: list[tuple[str, h5py.Group | h5py.Dataset]] = []
    # visititems follows no links, which could lead to any other file of this machine.
    file.visititems(lambda location, item: items.append((location, item)))
    found: dict[str, h5py.Dataset] = {}
    for location, item in items:
        if isinstance(item, h5py.Dataset) and not location.startswith(_OPTIMIZER):
            name = tensor_name(location)
            _check(item, name, path)
            if name in found:
                raise WeightsError(
                    f"{path} has two tensors {name}: {found[name].name} and {item.name}; pass a file whose layers have "
                    "unique names."
                )
            found[name] = item
    return found


def _check(item: h5py.Dataset, name: str, path: str) -> None:
    if layer_name(name) in _UNNAMED:
        raise WeightsError(
            f"{path} has a tensor {item.name}, without the name of its layer, as files named *.weights.h5 have; save "
            "the model itself as .h5: model.save('network.h5')."
        )
    if item.external or item.is_virtual:
        raise WeightsError(f"{path} keeps {item.name} in another file; pass a file that holds all its tensors.")
