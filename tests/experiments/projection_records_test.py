"""The records of projections, as they are read."""

import numpy as np
from absl.testing import absltest

from experiments.projection_records import read_projections
from experiments.run_directory import RunDirectory
from tests.support import made_up_run, pictures


class ReadProjectionsTest(absltest.TestCase):
    def test_in_order_and_normalised(self):
        run = RunDirectory(pictures.folder_for(self))
        self.assertEqual(read_projections(run), [])
        run.projections.mkdir()
        for index in (2, 0, 10, 1):
            kept = made_up_run.projection(index)
            kept["proxies"] = kept["proxies"] * 50.0  # As trained: outside the unit ball.
            del kept["index"]
            np.savez(run.projections / f"{index:04d}.npz", **kept, proximal_weight=0.0)
        read = read_projections(run)
        self.assertEqual([entry["index"] for entry in read_projections(run, newest=1)], [read[-1]["index"]])
        self.assertEqual([int(record["index"]) for record in read], [0, 1, 2, 10])
        for record in read:
            np.testing.assert_allclose(np.linalg.norm(record["proxies"], axis=-1), 1.0, rtol=1e-5)
        self.assertNotIn("previous_proxies", read[0])
        # Those that are inside stay as they are.
        expected = made_up_run.projection(1)["previous_proxies"]
        np.testing.assert_allclose(read[1]["previous_proxies"], expected, rtol=1e-5)
