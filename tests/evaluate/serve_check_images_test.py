"""What exported models are tried on, and what they are compared with."""

from __future__ import annotations

import pathlib

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from evaluate import serve_check_images
from evaluate.file_embedder import ImageError
from evaluate.restored import restored_experiment
from tests.datasets import pictures
from tests.evaluate import tiny_runs


class TrialTest(parameterized.TestCase):
    def test_built_in_images_are_of_different_sizes(self):
        trial = serve_check_images.built_in()
        self.assertIsNone(trial.expected)
        sizes = {tuple(tf.io.decode_image(file).shape) for file in trial.files.values()}
        self.assertEqual(sizes, {(427, 640, 3), (199, 99, 3), (64, 64, 1)})

    def test_test_images_of_files_are_sent_as_they_are(self):
        run_dir = tiny_runs.photographs()
        experiment, _ = restored_experiment(run_dir)
        trial = serve_check_images.of_test_images([experiment])
        self.assertLen(trial.files, 32)
        for name, contents in trial.files.items():
            self.assertEqual(pathlib.Path(name).read_bytes(), contents)
        # The same files, given by name, are embedded alike by the run.
        folder = pictures.folder_for(self)
        for place, contents in enumerate(trial.files.values()):
            (folder / f"{place:02}.png").write_bytes(contents)
        by_name = serve_check_images.trial_for(run_dir, str(folder))
        np.testing.assert_allclose(by_name.expected, trial.expected, rtol=0, atol=1e-6)
        self.assertGreater(np.abs(np.diff(trial.expected, axis=0)).max(), 1e-3)
        # What the run cannot read is left out with a reason, and of what is read nothing changes.
        (folder / "00.txt").write_text("no image")
        (folder / "01.png").unlink()
        some = serve_check_images.of_files(str(folder), [experiment])
        self.assertEqual(list(some.left_out), [str(folder / "00.txt")])
        self.assertIn("The file is no JPEG", some.left_out[str(folder / "00.txt")])
        self.assertStartsWith(some.source, "32 of the 32 files in")
        np.testing.assert_allclose(some.expected, trial.expected[[0, *range(2, 32)]], rtol=0, atol=1e-6)

    def test_at_most_so_many_evenly_over_all(self):
        folder = pictures.folder_for(self)
        for number in range(65):
            (folder / f"{number:03}.png").write_bytes(bytes([number]))
        trial = serve_check_images.of_files(str(folder))
        numbers = [contents[0] for contents in trial.files.values()]
        self.assertLen(numbers, serve_check_images.MOST_IMAGES)
        self.assertEqual((numbers[0], numbers[-1]), (0, 64))
        self.assertEqual(set(np.diff(numbers)), {2, 3})

    def test_files_that_are_not_there_or_no_images(self):
        folder = pictures.folder_for(self)
        with self.assertRaisesRegex(ImageError, "There are no files in"):
            serve_check_images.of_files(str(folder))
        (folder / "gone.png").symlink_to(folder / "nowhere")
        with self.assertRaisesRegex(
            ImageError, r"None of the 1 files tried of .* \(.*gone.png: No such file or directory\); pass --images"
        ):
            serve_check_images.of_files(str(folder))
        (folder / "notes.txt").write_text("Whether that is an image is for the model to say.")
        trial = serve_check_images.of_files(str(folder))
        self.assertEqual((list(trial.files), trial.all_of_them), ([str(folder / "notes.txt")], False))

    def test_the_models_of_a_repeat_are_joined(self):
        home, runs = pictures.folder_for(self), [tiny_runs.digits(loss) for loss in ("ccp/contrastive", "contrastive")]
        for fold, run in enumerate(runs, 1):
            (home / f"fold{fold}-repeat1").symlink_to(run)
        (home / "fold1-repeat0").symlink_to(runs[1])
        apart = [serve_check_images.trial_for(run).expected for run in runs]
        np.testing.assert_array_equal(serve_check_images.trial_for(str(home)).expected, apart[1])
        self.assertEqual(serve_check_images.trial_for(str(home), repeat=2).expected.shape, (32, 16))

    def test_joined_embeddings_are_normalised_again(self):
        experiments = [restored_experiment(tiny_runs.digits(loss))[0] for loss in ("ccp/contrastive", "contrastive")]
        for experiment in experiments:  # Of these runs they are short; now each has norm 1, and two have √2.
            kernel = experiment.model.get_layer("embedding").kernel
            kernel.assign(1000.0 * kernel)
        first, second = (serve_check_images.of_test_images([one]).expected for one in experiments)
        joined = serve_check_images.of_test_images(experiments).expected
        np.testing.assert_allclose(joined[:, :8], first / np.sqrt(2), rtol=0, atol=1e-5)
        np.testing.assert_allclose(joined[:, 8:], second / np.sqrt(2), rtol=0, atol=1e-5)
