"""A run's figures on disk."""

import numpy as np
from absl.testing import parameterized
from PIL import Image

from datasets.files import save_json
from experiments.run_directory import RunDirectory
from experiments.run_figures import draw_run
from experiments.settings import configure
from tests.support import made_up_run, pictures


class DrawRunTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.run_dir = RunDirectory(pictures.folder_for(self) / "run")
        self.run_dir.path.mkdir()
        save_json(self.run_dir.settings, configure({"loss": "ccp/contrastive"}).flat())
        for record in made_up_run.epochs(3, projected_at=(2,)):
            self.run_dir.append(record)

    def test_before_any_projection(self):
        self.assertEqual(draw_run(self.run_dir.path), [self.run_dir.path / "figures" / "curves.png"])

    def keep_projections(self, count: int):
        self.run_dir.projections.mkdir()
        for index in range(count):
            kept = made_up_run.projection(index)
            del kept["index"]
            np.savez(self.run_dir.projections / f"{index:04d}.npz", **kept)

    def test_the_initialisation_alone_makes_no_curve(self):
        self.keep_projections(1)
        drawn = draw_run(self.run_dir.path)
        self.assertEqual([path.name for path in drawn], ["curves.png", "projections.png"])

    def test_with_projections(self):
        self.keep_projections(2)
        drawn = draw_run(self.run_dir.path)
        self.assertEqual([path.name for path in drawn], ["curves.png", "projections.png", "covering_radius.png"])
        for path in drawn:
            self.assertEqual(Image.open(path).format, "PNG")
