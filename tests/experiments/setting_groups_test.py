"""Runs grouped by their settings: names, seeds, copies, and the table of settings."""

from __future__ import annotations

from absl.testing import absltest

from datasets.files import save_json
from experiments.run_directory import RunDirectory
from experiments.setting_groups import setting_groups, setting_rows
from experiments.settings import configure
from tests.support import pictures


class SettingGroupsTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.home = pictures.folder_for(self)

    def run_of(self, name: str, digest: str = "", **settings) -> RunDirectory:
        run = RunDirectory(self.home / name)
        run.path.mkdir()
        save_json(run.settings, configure({"loss": "contrastive"}, settings).flat())
        save_json(run.data, {"digest": digest})
        return run

    def groups(self, *runs):
        """By name, the runs' directories and names."""
        return {
            group.name: [(run.path.name, group.run_name(place)) for place, run in enumerate(group.runs)]
            for group in setting_groups(runs)
        }

    def test_seeds_are_joined(self):
        runs = [self.run_of(f"a{seed}", seed=seed, data_dir=f"place{seed}") for seed in (0, 3)]
        other = self.run_of("b", loss="ccp/contrastive", seed=3)
        expected = {
            "contrastive": [("a0", "contrastive, seed 0"), ("a3", "contrastive, seed 3")],
            "ccp/contrastive": [("b", "ccp/contrastive")],
        }
        self.assertEqual(self.groups(runs[0], other, runs[1]), expected)

    def test_other_settings_and_data_are_apart(self):
        found = self.groups(self.run_of("a", width=4), self.run_of("b", width=8))
        self.assertEqual(
            found,
            {
                "contrastive, width 4": [("a", "contrastive, width 4")],
                "contrastive, width 8": [("b", "contrastive, width 8")],
            },
        )
        folder = self.run_of("c", dataset="folder", data_dir="d")
        self.assertEqual(
            list(self.groups(self.run_of("e"), folder)), ["contrastive, dataset digits", "contrastive, dataset folder"]
        )
        names = list(self.groups(self.run_of("f", "one"), self.run_of("g", "another")))
        self.assertEqual(names, [f"contrastive, {self.home / name}" for name in "fg"])

    def test_a_copy_is_apart(self):
        runs = [self.run_of(name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))]
        groups = setting_groups(runs)
        self.assertEqual([[run.path.name for run in group.runs] for group in groups], [["a", "c"], ["b"]])
        self.assertEqual([group.name for group in groups], [f"contrastive, {self.home / name}" for name in "ab"])

    def test_rows_of_settings(self):
        groups = setting_groups(
            [
                self.run_of("a", width=4, seed=5),
                self.run_of("b", width=4, seed=2),
                self.run_of("c", width=4, loss="ccp/contrastive"),
            ]
        )
        rows = {row.name: row for section in setting_rows(groups).values() for row in section}
        self.assertTrue(rows["loss"].differs)
        self.assertFalse(rows["width"].differs)
        self.assertEqual([cell.value for cell in rows["width"].cells], ["4", "4"])
        self.assertIsNotNone(rows["width"].cells[0].default)
        self.assertIsNone(rows["proxies_per_class"].cells[0])  # The plain loss has none.
        self.assertNotIn("memory_weight", rows)
        self.assertEqual([cell.value for cell in rows["seed"].cells], ["5, 2", "0"])


if __name__ == "__main__":
    absltest.main()
