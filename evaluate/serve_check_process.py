"""Puts an exported model to the test, knowing nothing of this project: only TensorFlow and NumPy are imported.

``main.py serve_check`` runs this file in an isolated interpreter of its own:
``python -I serve_check_process.py MODEL FOLDER``. FOLDER holds ``given.npz`` (``names`` and ``files``, the bytes, of
at least one image file), and is given ``embeddings.npy`` and ``report.json``.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

TOLERANCE = 1e-5
_PROJECT = ("ccp", "datasets", "evaluate", "models")
_BATCHES = (1, 32)
_WARM_UP_CALLS = 3
_CALLS, _SECONDS = (20, 200), 2.0
# The message must name it, and no other number in it is likely to be the same.
_BAD_PLACE, _BAD_BATCH = 7, 9
_LONGEST_LINE = 200
# What TensorFlow puts around an error's message.
_PLACES = re.compile(r"\{\{.*?\}\}|\[Op:.*")
_ABOUT_PLACES = ("Graph execution error", "Detected at node", "File ", "<stack traces", "[[", "(0)", "(1)")
_ABOUT_THE_FIRST = re.compile(r"Position 0: (.*?)\.?\]?$")
_FEW, _MANY = 10, 1000  # Neighbours to ask for.
_INFO_FILE = "embedding.json"


class Server:
    """A loaded model and image files to try it on.

    Attributes:
      embeddings: [num_kept, embedding_size], embedded one by one: of the files that it can embed.
      left_out: why it cannot embed the others, by name.

    Args:
      signatures: of the model, by name.
      files: the bytes of image files, by name.
      gallery_size: how many images it searches, if that is known.

    Raises:
      SystemExit: it can embed none of them.
    """

    def __init__(self, signatures: Mapping[str, Any], files: Mapping[str, bytes], gallery_size: int | None = None):
        self._signatures, self._gallery_size = signatures, gallery_size
        self.left_out: dict[str, str] = {}
        embedded = {name: self._first_embedding(name, contents) for name, contents in files.items()}
        self._files = [contents for name, contents in files.items() if name not in self.left_out]
        if not self._files:
            name, why = next(iter(self.left_out.items()))
            sys.exit(f"it can embed none of the {len(files)} images ({name}: {why}); pass others with --images")
        self.embeddings = np.concatenate([one for one in embedded.values() if one is not None])

    def embed(self, files: list[bytes]) -> np.ndarray:
        """[num_files, embedding_size]."""
        return self._call("encoded", files)["embeddings"]

    def checks(self) -> dict[str, Callable[[], tuple[bool, str]]]:
        """What to check: whether it is so, and what was found."""
        checks = {
            "needs nothing of this project": self._stands_alone,
            "norms are at most 1": self._in_the_ball,
            "the same bits twice": self._deterministic,
            "a batch of mixed sizes as one by one": self._batched,
            "an empty batch": self._empty,
            "a bad image is refused by its position": self._refuses,
        }
        if {"uint8", "serving_default"} <= set(self._signatures):
            checks["pixels and files alike"] = self._pixels
        for name in self._with_output("ok"):
            checks[f"'{name}' masks a bad image"] = lambda name=name: self._masks(name)
        if "search" in self._signatures:
            checks["'search' finds the nearest first"] = self._searches
        return checks

    def timed(self) -> dict[str, dict[str, float]]:
        """Latency of signature ``encoded`` by batch size, and of ``search`` for one image where it is offered."""
        tried = {str(size): lambda size=size: self.embed(self._cycled(size)) for size in _BATCHES}
        sizes = {str(size): size for size in _BATCHES}
        if "search" in self._signatures:
            tried["search"], sizes["search"] = lambda: self._call("search", self._files[:1], k=np.int32(_FEW)), 1
        return {name: latency(call, sizes[name]) for name, call in tried.items()}

    def _first_embedding(self, name: str, contents: bytes) -> np.ndarray | None:
        try:
            return self.embed([contents])
        except tf.errors.InvalidArgumentError as error:
            line = _whole_line(error.message)
            said = _ABOUT_THE_FIRST.search(line)
            self.left_out[name] = (said[1] if said else line)[:_LONGEST_LINE]
            return None

    def _call(self, signature: str, files: list[bytes], **others: Any) -> dict[str, np.ndarray]:
        given = {name: tf.constant(value) for name, value in others.items()}
        outputs = self._signatures[signature](encoded_images=tf.constant(files, tf.string), **given)
        return {name: output.numpy() for name, output in outputs.items()}

    def _cycled(self, count: int) -> list[bytes]:
        return [self._files[place % len(self._files)] for place in range(count)]

    def _with_output(self, wanted: str) -> list[str]:
        return [name for name, signature in self._signatures.items() if wanted in signature.structured_outputs]

    def _stands_alone(self) -> tuple[bool, str]:
        imported = [name for name in _PROJECT if name in sys.modules]
        return not imported, f"imported: {', '.join(imported) or 'TensorFlow and NumPy'}"

    def _in_the_ball(self) -> tuple[bool, str]:
        largest = float(np.linalg.norm(self.embeddings, axis=1).max())
        # Not a number is not at most 1, either.
        return bool(largest <= 1 + TOLERANCE), f"largest norm {largest:.6f}"

    def _deterministic(self) -> tuple[bool, str]:
        once, twice = self.embed(self._files), self.embed(self._files)
        return np.array_equal(once, twice), f"{int((once != twice).sum())} of {once.size} numbers differ"

    def _batched(self) -> tuple[bool, str]:
        return _close(self.embed(self._files), self.embeddings)

    def _empty(self) -> tuple[bool, str]:
        shape = self.embed([]).shape
        return shape == (0, self.embeddings.shape[1]), f"embeddings {list(shape)}"

    def _refuses(self) -> tuple[bool, str]:
        try:
            self.embed(self._with_a_bad_one())
        except tf.errors.InvalidArgumentError as error:
            named = re.search(rf"\b{_BAD_PLACE}\b", error.message)
            return named is not None, _line(error.message)
        return False, "bytes that are no image were embedded"

    def _masks(self, name: str) -> tuple[bool, str]:
        answer = self._call(name, self._with_a_bad_one())
        places = np.flatnonzero(~answer["ok"]).tolist()
        embeddings, expected = answer["embeddings"], self.embed(self._cycled(_BAD_BATCH))
        expected[_BAD_PLACE] = 0.0
        close, found = _close(embeddings, expected)
        return close and places == [_BAD_PLACE], f"masked: {places} of {_BAD_BATCH} images; {found}"

    def _pixels(self) -> tuple[bool, str]:
        channels = self._signatures["uint8"].structured_input_signature[1]["images"].shape[-1]
        pixels = tf.io.decode_image(self._files[0], channels, expand_animations=False)[tf.newaxis]
        by_file = self.embed([tf.io.encode_png(pixels[0]).numpy()])
        by_float = self._signatures["serving_default"](images=tf.cast(pixels, tf.float32) / 255.0)["embeddings"].numpy()
        by_uint8 = self._signatures["uint8"](images=pixels)["embeddings"].numpy()
        return _close(np.concatenate([by_float, by_uint8]), np.concatenate([by_file, by_file]))

    def _searches(self) -> tuple[bool, str]:
        many, again, few, one = [self._call("search", self._files, k=np.int32(k)) for k in (_MANY, _MANY, _FEW, 1)]
        number, width = many["distances"].shape
        size = self._gallery_size or (width if width < _MANY else f"{width} or more")
        rising = bool((np.diff(many["distances"], axis=1) >= 0).all())
        found = [f"a gallery of {size}, distances {'rise' if rising else 'do not rise'}"]
        if any(values.shape != (number, min(self._gallery_size or width, _MANY)) for values in many.values()):
            found.append(f"{width} answers for k = {_MANY}")
        if not _same(many, again):
            found.append("other answers at the second call")
        for k, answer in ((_FEW, few), (1, one)):
            if not _same(answer, {name: values[:, :k] for name, values in many.items()}):
                found.append(f"other answers for k = {k}")
        return rising and len(found) == 1, ", ".join(found)

    def _with_a_bad_one(self) -> list[bytes]:
        files = self._cycled(_BAD_BATCH)
        return [*files[:_BAD_PLACE], b"no image", *files[_BAD_PLACE + 1 :]]


def latency(call: Callable[[], Any], batch_size: int) -> dict[str, float]:
    """Times calls after a few that are not counted: milliseconds by median and 95th percentile, images per second."""
    for _ in range(_WARM_UP_CALLS):
        call()
    taken: list[float] = []
    fewest, most = _CALLS
    while len(taken) < fewest or (sum(taken) < _SECONDS and len(taken) < most):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return {
        "calls": len(taken),
        "median_ms": 1e3 * float(np.median(taken)),
        "percentile_95_ms": 1e3 * float(np.percentile(taken, 95)),
        "images_per_second": batch_size * len(taken) / sum(taken),
    }


def described(signatures: Mapping[str, Any]) -> dict[str, dict[str, dict[str, str]]]:
    """Dtypes and shapes of each signature's inputs and outputs by name."""

    def of(specs):
        return {name: f"{spec.dtype.name} {_shape(spec.shape)}" for name, spec in sorted(specs.items())}

    return {
        name: {"inputs": of(signature.structured_input_signature[1]), "outputs": of(signature.structured_outputs)}
        for name, signature in sorted(signatures.items())
    }


def peak_memory_mb() -> float:
    """The most that this process has held."""
    try:
        with open("/proc/self/status") as file:
            (line,) = [line for line in file if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    except OSError:  # No Linux.
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def loaded_signatures(model: str) -> Mapping[str, Any]:
    """A model's signatures, by name; raises SystemExit if it cannot be loaded."""
    try:
        return tf.saved_model.load(model).signatures
    except Exception as error:  # Whatever the damage leads to.
        sys.exit(f"it cannot be loaded: {type(error).__name__}: {_line(str(error))}")


def gallery_size(model: str) -> int | None:
    """How many images a model was given to search, by what is kept beside it; None if that does not say."""
    try:
        with open(os.path.join(model, _INFO_FILE)) as file:
            return int(json.load(file)["gallery"]["images"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def verdict(check: Callable[[], tuple[bool, str]]) -> dict[str, Any]:
    """What a check of ``Server.checks`` comes to; one that cannot be carried out has failed."""
    try:
        passed, found = check()
    except Exception as error:  # Whatever it is, the other checks are still of interest.
        passed, found = False, f"{type(error).__name__}: {_line(str(error))}"
    return {"passed": passed, "found": found}


def main(model: str, folder: str) -> None:
    """Loads a model, checks and times it, and writes what was found."""
    before, start = peak_memory_mb(), time.perf_counter()
    signatures = loaded_signatures(model)
    load_seconds, loaded = time.perf_counter() - start, peak_memory_mb()
    with np.load(os.path.join(folder, "given.npz"), allow_pickle=True) as given:
        files = dict(zip(given["names"].tolist(), given["files"].tolist()))
    server = Server(signatures, files, gallery_size(model))
    np.save(os.path.join(folder, "embeddings.npy"), server.embeddings)
    report = {
        "signatures": described(signatures),
        "load_seconds": load_seconds,
        "checks": [{"check": name, **verdict(check)} for name, check in server.checks().items()],
        "latency": server.timed(),
        "memory_mb": {"imports": before, "loaded": loaded, "peak": peak_memory_mb()},
        "left_out": server.left_out,
    }
    with open(os.path.join(folder, "report.json"), "w") as file:
        json.dump(report, file)


def _close(found: np.ndarray, expected: np.ndarray) -> tuple[bool, str]:
    difference = float(np.abs(found - expected).max())
    return bool(difference <= TOLERANCE), f"largest difference {difference:.1e}"


def _same(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


def _line(message: str) -> str:
    """Of a message, as much as a table has room for."""
    return _whole_line(message)[:_LONGEST_LINE]


def _whole_line(message: str) -> str:
    """The first line that is not about where in the graph it was found."""
    lines = [_PLACES.sub("", line).strip() for line in message.splitlines()]
    said = [line for line in lines if line and not line.startswith(_ABOUT_PLACES)]
    return (said or ["no message"])[0]


def _shape(shape: tf.TensorShape) -> str:
    return "of any shape" if shape.rank is None else f"[{', '.join('?' if n is None else str(n) for n in shape)}]"


if __name__ == "__main__":
    main(*sys.argv[1:])
