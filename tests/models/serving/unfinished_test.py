"""Exports that meet in one directory, and those that were killed there."""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import signal
from unittest import mock

import tensorflow as tf

from models.serving import unfinished
from models.serving.versions import ExportError
from tests.support.made_versions import MadeVersions


class UnfinishedTest(MadeVersions, tf.test.TestCase):
    def test_what_a_killed_export_left_is_removed(self):
        context = multiprocessing.get_context("fork")
        writing = context.Event()

        def hang(_):
            writing.set()
            signal.pause()

        killed = context.Process(target=self.write, kwargs={"meanwhile": hang})
        killed.start()
        self.assertTrue(writing.wait(30))
        self.write(text="while it lives")
        (left,) = (name for name in self.names() if name != "1")
        self.assertTrue(list((self.home / left).glob("*/saved_model.pb")))
        killed.kill()
        killed.join()
        self.write(text="when it is dead")
        self.assertEqual(self.texts(), {"1": "while it lives", "2": "when it is dead"})
        self.assertEqual(self.names(), ["1", "2"])

    def test_what_an_earlier_revision_left_is_removed(self):
        (self.home / "1.unfinished").mkdir(parents=True)
        (self.home / "1.unfinished" / "torn").write_text("half")
        self.write()
        self.assertEqual(self.names(), ["1"])

    def test_one_that_is_removed_before_it_is_locked_begins_again(self):
        lock, removed = unfinished.fcntl.flock, []

        def flock(file, how):
            if not removed:
                removed.append(os.path.dirname(file.name))
                unfinished.shutil.rmtree(removed[0])
            lock(file, how)

        with mock.patch.object(unfinished.fcntl, "flock", flock):
            self.write()
        self.assertEqual(self.names(), ["1"])
        self.assertLen(removed, 1)

    def test_a_directory_that_another_export_removes_is_made_again(self):
        make, failed = unfinished.tempfile.mkdtemp, []

        def removed(**options):
            if not failed:
                failed.append(True)
                self.home.rmdir()
            return make(**options)

        with mock.patch.object(unfinished.tempfile, "mkdtemp", removed):
            self.write()
        mkdir = pathlib.Path.mkdir

        def at_that_moment(path, *arguments, **options):
            if len(failed) < 3:
                failed.append(True)
                raise FileExistsError
            mkdir(path, *arguments, **options)

        with mock.patch.object(pathlib.Path, "mkdir", at_that_moment):
            self.write()
        self.assertEqual((self.names(), len(failed)), (["1", "2"], 3))

    def test_a_directory_that_cannot_be_made(self):
        self.home.parent.mkdir(parents=True)
        self.home.symlink_to("nowhere")
        with self.assertRaisesRegex(ExportError, "No version could be written into .*File exists"):
            self.write()
