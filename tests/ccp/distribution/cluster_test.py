"""TF_CONFIG, read and refused; real connections: tests/workers_test.py."""

from __future__ import annotations

import json
import os
from unittest import mock

from absl.testing import absltest, parameterized

from ccp.distribution.cluster import read_cluster
from ccp.errors import ConfigError

_WORKERS = ["a:1", "b:1", "c:1"]


def _config(cluster, job: str = "worker", index=0) -> str:
    return json.dumps({"cluster": cluster, "task": {"type": job, "index": index}})


class ReadClusterTest(parameterized.TestCase):
    @parameterized.parameters(
        ({"worker": _WORKERS}, "worker", 0, (3, 0)),
        ({"worker": _WORKERS}, "worker", 2, (3, 2)),
        # A separate chief comes before all workers.
        ({"worker": _WORKERS, "chief": ["d:1"]}, "chief", 0, (4, 0)),
        ({"worker": _WORKERS, "chief": ["d:1"]}, "worker", 0, (4, 1)),
    )
    def test_number_of_a_process(self, cluster, job, index, expected):
        with mock.patch.dict(os.environ, TF_CONFIG=_config(cluster, job, index)):
            found = read_cluster()
        self.assertEqual((found.num_workers, found.worker), expected)
        self.assertEqual(found.addresses, (*cluster.get("chief", ()), *cluster["worker"]))
        self.assertEqual(found.is_chief, expected[1] == 0)

    @parameterized.parameters(
        "",
        "{cluster",
        "[1, 2]",
        '{"cluster": {}, "task": {}}',
        json.dumps({"cluster": {"worker": _WORKERS}}),
        _config({"worker": []}),
        _config({"worker": 5}),
        _config({"worker": ["a:1", "a:1"]}),
        _config({"worker": _WORKERS, "ps": ["d:1"]}),
        _config({"worker": _WORKERS, "chief": ["d:1", "e:1"]}),
        _config({"worker": _WORKERS}, index=3),
        _config({"worker": _WORKERS}, index=-1),
        _config({"worker": _WORKERS}, index="first"),
        _config({"worker": _WORKERS}, job="chief"),
    )
    def test_invalid_ones_are_refused_with_an_example(self, text):
        with mock.patch.dict(os.environ, TF_CONFIG=text), self.assertRaises(ConfigError) as refused:
            read_cluster()
        self.assertIn(f"got {text!r}. Set it for every process", str(refused.exception))
        self.assertIn('TF_CONFIG=\'{"cluster": {"worker": ["host0:port"', str(refused.exception))

    def test_a_missing_one_is_refused(self):
        with mock.patch.dict(os.environ), self.assertRaisesRegex(ConfigError, "got None. Set it for every process"):
            os.environ.pop("TF_CONFIG", None)
            read_cluster()


if __name__ == "__main__":
    absltest.main()
