"""TF_CONFIG, read and refused."""

from __future__ import annotations

import json

from absl.testing import absltest, parameterized

from ccp.distribution.cluster import cluster_of
from ccp.errors import ConfigError

_WORKERS = ["a:1", "b:1", "c:1"]


def _environment(cluster, role: str = "worker", index=0) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": role, "index": index}})}


class ClusterOfTest(parameterized.TestCase):
    @parameterized.parameters(
        ({"worker": _WORKERS}, "worker", 0, (3, 0)),
        ({"worker": _WORKERS}, "worker", 2, (3, 2)),
        # A chief apart comes before all workers.
        ({"worker": _WORKERS, "chief": ["d:1"]}, "chief", 0, (4, 0)),
        ({"worker": _WORKERS, "chief": ["d:1"]}, "worker", 0, (4, 1)),
    )
    def test_number_of_a_process_among_all(self, cluster, role, index, expected):
        found = cluster_of(_environment(cluster, role, index))
        self.assertEqual((found.num_workers, found.worker), expected)
        hosts = [*cluster.get("chief", ()), *cluster["worker"]]
        self.assertEqual(found.hosts, tuple(hosts))
        self.assertEqual(found.is_chief, expected[1] == 0)

    @parameterized.parameters(
        ({}, "is not set|not set"),
        ({"TF_CONFIG": ""}, "not set"),
        ({"TF_CONFIG": "{cluster"}, "no JSON"),
        ({"TF_CONFIG": "[1, 2]"}, "lists no processes"),
        ({"TF_CONFIG": '{"cluster": {}, "task": {}}'}, "lists no processes"),
        (_environment({"worker": []}), "lists no processes"),
        (_environment({"worker": "a:1"}), "lists no processes"),
        (_environment({"worker": ["a", "b:1"]}), "every process needs a port of its own"),
        (_environment({"worker": ["a:0", "b:1"]}), "every process needs a port of its own"),
        (_environment({"worker": ["a:65536", "b:1"]}), "every process needs a port of its own"),
        (_environment({"worker": ["a:1", "a:1"]}), "every process needs a port of its own"),
        (_environment({"worker": _WORKERS, "ps": ["d:1"]}), "one chief, and workers"),
        (_environment({"worker": _WORKERS, "chief": ["d:1", "e:1"]}), "one chief, and workers"),
        (_environment({"worker": _WORKERS}, index=3), "not in its cluster"),
        (_environment({"worker": _WORKERS}, index=-1), "not in its cluster"),
        (_environment({"worker": _WORKERS}, index="0"), "not in its cluster"),
        (_environment({"worker": _WORKERS}, role="chief"), "not in its cluster"),
        ({"TF_CONFIG": json.dumps({"cluster": {"worker": _WORKERS}})}, "not in its cluster"),
    )
    def test_what_cannot_be_is_refused_with_an_example(self, environment, message):
        with self.assertRaisesRegex(ConfigError, message) as refused:
            cluster_of(environment)
        self.assertIn('TF_CONFIG=\'{"cluster": {"worker": ["host:port"', str(refused.exception))


if __name__ == "__main__":
    absltest.main()
