"""One run on disk: the only place that knows its files. Free of TensorFlow."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ccp.errors import ConfigError, UserError
from datasets.files import locked, read_json, save_json, save_text, written_whole
from experiments.settings import Settings, configure, difference_phrases


class RunError(UserError):
    """The run directory cannot be used; the message says why and what to do."""


class RunDirectory:
    """Everything that one run leaves behind.

    - ``settings.json``: all settings;
    - ``data.json``: a digest of the data set's manifest;
    - ``checkpoints/``: the last two checkpoints;
    - ``metrics.jsonl``: one line per epoch;
    - ``projections/``: one ``.npz`` per projection;
    - ``tensorboard/``: event files;
    - ``metrics.csv``, ``log_ids.json``: as ``--log`` asks; the latter says which runs of W&B and MLflow are this one;
    - ``bad_images.jsonl``: unreadable images, where those are skipped;
    - ``class_groups.json``: the group of each class, where hard classes are drawn together;
    - ``before_training.json``: what the network scored before the first step;
    - ``test_embeddings.npz``: the test images' embeddings by the best weights;
    - ``result.json``: their scores, with the preset and what was overridden; written last;
    - ``threshold.json``: the distance below which images are of one class, if it was calibrated.

    Args:
      path: the directory; made if need be.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.projections = self.path / "projections"
        self.tensorboard = self.path / "tensorboard"
        self.metrics = self.path / "metrics.jsonl"
        self.csv = self.path / "metrics.csv"
        self.log_ids = self.path / "log_ids.json"
        self.result = self.path / "result.json"
        self.settings = self.path / "settings.json"
        self.data = self.path / "data.json"
        self.test_embeddings = self.path / "test_embeddings.npz"
        self.bad_images = self.path / "bad_images.jsonl"
        self.class_groups = self.path / "class_groups.json"
        self.before_training = self.path / "before_training.json"
        self.threshold = self.path / "threshold.json"
        self._lock = self.path / "lock"

    @property
    def data_digest(self) -> str:
        """Of the data set that the run was started with; empty if none was recorded."""
        return read_json(self.data)["digest"] if self.data.exists() else ""

    @property
    def has_checkpoint(self) -> bool:
        """Whether anything was saved."""
        return any(self.checkpoints.glob("*.index"))

    @property
    def has_trained_step(self) -> bool:
        """Whether anything but the start was saved, which is the first checkpoint."""
        numbers = [re.fullmatch(r"ckpt-(\d+)", path.stem) for path in self.checkpoints.glob("*.index")]
        return any(number is None or int(number[1]) > 1 for number in numbers)

    @contextlib.contextmanager
    def claimed(self, settings: Settings, digest: str) -> Iterator[None]:
        """Locks the directory for this process, and compares settings and data with the recorded ones.

        The lock is the operating system's: it ends with the process. Before the first trained step the directory takes
        any settings and data: a command that was refused can be corrected.

        Args:
          settings: to train with.
          digest: of the data set to train on.

        Raises:
          RunError: another process is training here, or the directory holds a run with other settings or data.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            kind = f"a link to {os.readlink(self.path)}, which is not there" if self.path.is_symlink() else "a file"
            raise RunError(f"{self.path} is {kind}; pass another --run_dir.") from None
        foreign = [] if self.settings.exists() else [path.name for path in (self.result, self.metrics) if path.exists()]
        if foreign:
            raise RunError(
                f"{self.path} holds {' and '.join(foreign)} of something else than a run, which would have "
                f"{self.settings.name}; pass another --run_dir."
            )
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(locked(self._lock))
            except BlockingIOError:
                raise RunError(
                    f"Another process is training in {self.path}. Wait for it, stop it, or pass another --run_dir."
                ) from None
            if self.has_checkpoint:
                self._check_settings(settings)
                self.check_data(digest)
            yield

    def _check_settings(self, settings: Settings) -> None:
        different = difference_phrases(self.load_settings(), settings, "there", "here", may_grow=True)
        if different and self.has_trained_step:
            raise RunError(
                f"{self.path} holds a run with other settings ({'; '.join(different)}). "
                "Pass another --run_dir, or the same settings to resume that run; --max_epochs and --early_stopping "
                "may be raised."
            )
        if different:
            shutil.rmtree(self.checkpoints)

    def sign(self, text: str) -> None:
        """Leaves a word for other processes; for the one that has claimed the directory."""
        self._lock.write_text(text)

    def signature(self) -> str | None:
        """The word that was left last; None if this process sees none."""
        try:
            return self._lock.read_text()
        except OSError:
            return None

    def check_data(self, digest: str) -> None:
        """Refuses to resume or evaluate the run with other images than it was started with.

        Args:
          digest: of the data set as it is now.

        Raises:
          RunError: it was another one.
        """
        if self.has_trained_step and self.data_digest not in ("", digest):
            raise RunError(
                f"{self.path} holds a run on other images: since then files, classes or splits of the data set have "
                "changed, or --data_dir names another one. Pass the same data, or another --run_dir."
            )

    def record(self, settings: Settings, digest: str) -> None:
        """Writes the settings and the digest of the data, once all that can be refused has been accepted.

        Results of a run whose checkpoints were deleted, to train it anew, go, as do those of other data. The result of
        a run that is extended stays beside it, as ``result_after_EPOCHS_epochs.json``.
        """
        anew = not self.has_checkpoint or self.data_digest not in ("", digest)
        if anew:
            self.before_training.unlink(missing_ok=True)
        if anew:
            self.result.unlink(missing_ok=True)
            self.threshold.unlink(missing_ok=True)
        elif self.result.exists() and not self.finished(settings):
            os.replace(self.result, self.path / f"result_after_{read_json(self.result)['epochs']}_epochs.json")
        save_json(self.data, {"digest": digest})
        save_json(self.settings, settings.flat())

    def load_before_training(self) -> dict[str, Any]:
        """What the network scored before the first step; empty if it was not kept."""
        return read_json(self.before_training) if self.before_training.exists() else {}

    def finish(self, embeddings: np.ndarray, kept: np.ndarray, result: Mapping[str, Any]) -> None:
        """Writes the test images' embeddings [num_images, embedding_size], their indices in the set, and the scores."""
        with written_whole(self.test_embeddings) as path, open(path, "wb") as file:
            np.savez(file, embeddings=embeddings, kept=kept)
        save_json(self.result, result)

    @property
    def has_result(self) -> bool:
        """Whether the run is finished."""
        return self.settings.exists() and self.result.exists() and self.test_embeddings.exists() and self.has_checkpoint

    def finished(self, settings: Settings) -> bool:
        """Whether a run with these settings is finished here."""
        return self.has_result and not difference_phrases(self.load_settings(), settings, "there", "here")

    def load_test_embeddings(self) -> tuple[np.ndarray, np.ndarray]:
        """The embeddings [num_images, embedding_size] of a finished run, and the indices of their test examples."""
        with np.load(self.test_embeddings) as file:
            return file["embeddings"], file["kept"]

    def load_settings(self) -> Settings:
        """The settings that the run was started with.

        Raises:
          RunError: the directory holds no run, or one with settings that cannot be.
        """
        if not self.settings.exists():
            raise RunError(f"{self.path} holds no run (there is no {self.settings.name}); pass the directory of a run.")
        try:
            return configure(read_json(self.settings))
        except ConfigError as error:
            raise RunError(f"{self.settings} is not what this version writes: {error}") from error

    def records(self) -> list[dict[str, Any]]:
        """The complete lines of ``metrics.jsonl``, without a last line that was cut off by a kill.

        Raises:
          RunError: another line is damaged.
        """
        if not self.metrics.exists():
            return []
        lines = self.metrics.read_text().split("\n")
        try:
            return [json.loads(line) for line in lines[:-1]]
        except ValueError as error:
            raise RunError(f"{self.metrics} is damaged ({error}); fix or delete the broken line.") from error

    def rewind(self, last_logs: Mapping[str, Any]) -> None:
        """Makes ``metrics.jsonl`` end with the epoch of the checkpoint that training resumes from.

        A kill may come before an epoch's line was written, or after the line but before its checkpoint.
        """
        kept = [record for record in self.records() if record["epoch"] < last_logs["epoch"]]
        kept += [dict(last_logs)] if last_logs["epoch"] else []
        lines = "".join(json.dumps(record) + "\n" for record in kept)
        if not self.metrics.exists() or self.metrics.read_text() != lines:
            save_text(self.metrics, lines)

    def append(self, record: Mapping[str, Any]) -> None:
        """Adds an epoch's line to ``metrics.jsonl``."""
        with open(self.metrics, "a") as file:
            file.write(json.dumps(record) + "\n")
