"""The processes that train together, as the environment variable TF_CONFIG names them. Free of TensorFlow."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ccp.errors import ConfigError

VARIABLE = "TF_CONFIG"
# In the order of their replicas; the first process of all writes what is written.
_ROLES = ("chief", "worker")
_EXAMPLE = '{"cluster": {"worker": ["host:port", "host:port"]}, "task": {"type": "worker", "index": 0}}'


class Cluster(NamedTuple):
    """How many processes train together, which of them this is, and where each is: ``host:port``, in their order."""

    num_workers: int
    worker: int
    hosts: tuple[str, ...] = ()

    @property
    def is_chief(self) -> bool:
        """Whether this process writes what is written."""
        return self.worker == 0


def cluster_of(environment: Mapping[str, str] = os.environ) -> Cluster:
    """Reads TF_CONFIG.

    Raises:
      ConfigError: it is missing, or does not say which of what processes this one is.
    """
    text = environment.get(VARIABLE)
    if not text:
        raise ConfigError(f"--strategy=multi_worker reads the environment variable {VARIABLE}, {_remedy('not set')}")
    try:
        described = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"The environment variable {VARIABLE} is {_remedy(f'no JSON ({error})')}") from None
    cluster, task = (_mapping(_mapping(described).get(part)) for part in ("cluster", "task"))
    if not cluster or any(not isinstance(hosts, list) or not hosts for hosts in cluster.values()):
        raise ConfigError(f"The cluster of {VARIABLE} is {_remedy(f'{cluster}, and lists no processes')}")
    others = [role for role in cluster if role not in _ROLES]
    if others or len(cluster.get("chief", ["one"])) > 1:
        raise ConfigError(
            f"The cluster of {VARIABLE} is {_remedy(f'of {dict(cluster)}; there can be one chief, and workers')}"
        )
    role, index = task.get("type"), task.get("index")
    if role not in cluster or not isinstance(index, int) or not 0 <= index < len(cluster[role]):
        raise ConfigError(f"The task of {VARIABLE} is {_remedy(f'{task}, and is not in its cluster')}")
    before = len(cluster.get("chief", ())) if role == "worker" else 0
    hosts = tuple(str(host) for role in _ROLES for host in cluster.get(role, ()))
    if not all(map(_has_port, hosts)) or len(set(hosts)) < len(hosts):
        raise ConfigError(
            f"The cluster of {VARIABLE} is {_remedy(f'{dict(cluster)}; every process needs a port of its own')}"
        )
    return Cluster(len(hosts), before + index, hosts)


def _has_port(host: str) -> bool:
    return re.fullmatch(r".+:[0-9]{1,5}", host) is not None and 0 < int(host.rpartition(":")[2]) < 2**16


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _remedy(found: str) -> str:
    return f"{found}. Set it for every process, each with its own index: {VARIABLE}='{_EXAMPLE}'."
