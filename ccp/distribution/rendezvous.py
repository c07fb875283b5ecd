"""Where the processes that train together wait for each other. Free of TensorFlow.

TensorFlow's own waiting can neither be stopped nor be given an end: while it lasts, no line of Python runs. So it is
asked to connect processes only once all are there, each at the port that TF_CONFIG gives it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable, Mapping

from ccp.distribution.cluster import VARIABLE, Cluster
from ccp.distribution.waiting import Wait
from ccp.errors import ConfigError, Interrupted, UserError

# How long a port may stay taken: the process that was here before may not be quite gone.
_PORT_SECONDS = 20.0
_PAUSE_SECONDS = 0.1
# A machine that is there answers within this; what it says is one short line, which comes at once.
_ANSWER_SECONDS, _LINE_SECONDS, _LONGEST_LINE = 5.0, 1.0, 65536
_COME, _REFUSED, _STOPPED = "come", "refused", "stopped"


def meet(cluster: Cluster, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Returns once all processes have called this; says on standard error for whom it waits.

    The first process listens at its port until the others have reported there, and then lets all go. If it ends before,
    those that have come hear why.

    Args:
      cluster: the processes.
      should_stop: asked while waiting.

    Raises:
      ConfigError: TF_CONFIG lists other processes elsewhere, or this process cannot have its port.
      TrainingError: some have not come within a quarter of an hour.
      Interrupted: ``should_stop`` said so.
    """
    wait = Wait(cluster, should_stop)
    if cluster.is_chief:
        _await_others(cluster, wait)
    else:
        _report(cluster, wait)
    wait.end()


def _await_others(cluster: Cluster, wait: Wait) -> None:
    come: dict[int, socket.socket] = {}
    with _listening(cluster, wait) as server, contextlib.ExitStack() as held:
        held.callback(lambda: [visitor.close() for visitor in come.values()])
        try:
            while len(come) < cluster.num_workers - 1:
                wait.go_on([number for number in range(1, cluster.num_workers) if number not in come])
                with contextlib.suppress(OSError):  # Nobody within the pause, or somebody who has gone again.
                    _admit(server.accept()[0], cluster, come)
                for number in [number for number, visitor in come.items() if _has_gone(visitor)]:
                    come.pop(number).close()
        except UserError as error:
            _tell(come, _STOPPED if isinstance(error, Interrupted) else f"{_REFUSED} {error}")
            raise
        _tell(come, _COME)


def _tell(visitors: Mapping[int, socket.socket], line: str) -> None:
    for visitor in visitors.values():
        with contextlib.suppress(OSError):
            _send(visitor, line)


def _report(cluster: Cluster, wait: Wait) -> None:
    _listening(cluster, wait).close()  # Whether this process can have its port.
    hello = json.dumps({"process": cluster.worker, "hosts": cluster.hosts})
    while True:
        wait.go_on([0])
        try:
            with socket.create_connection(_address(cluster.hosts[0]), _ANSWER_SECONDS) as chief:
                _send(chief, hello)
                answer, _, reason = _answer(chief, wait).partition(" ")
        except (OSError, UnicodeError) as error:  # UnicodeError: no name that a machine can have.
            answer, wait.trouble = "", getattr(error, "strerror", None) or f"{error}"
        if answer == _COME:
            return
        if answer == _REFUSED:
            raise ConfigError(reason)
        if answer == _STOPPED:
            raise Interrupted("Process 1 was stopped while it waited for others.")
        time.sleep(_PAUSE_SECONDS)  # Not there yet, or still busy with the training that this process has left.


def _listening(cluster: Cluster, wait: Wait) -> socket.socket:
    port, deadline = _address(cluster.hosts[cluster.worker])[1], time.monotonic() + _PORT_SECONDS
    dual = socket.has_dualstack_ipv6()
    while True:
        try:
            family = socket.AF_INET6 if dual else socket.AF_INET
            server = socket.create_server(("", port), family=family, dualstack_ipv6=dual)
        except OSError as error:
            if time.monotonic() > deadline:
                raise ConfigError(
                    f"Port {port} of this machine, which {VARIABLE} gives this process, cannot be had "
                    f"({error.strerror}). End what uses it, or give all processes another {VARIABLE}."
                ) from error
            wait.go_on([number for number in range(cluster.num_workers) if number != cluster.worker])
            time.sleep(_PAUSE_SECONDS)
        else:
            server.settimeout(_PAUSE_SECONDS)
            return server


def _admit(visitor: socket.socket, cluster: Cluster, come: dict[int, socket.socket]) -> None:
    """Adds a visitor that is one of the processes to those that have come."""
    with contextlib.ExitStack() as held:
        held.callback(visitor.close)
        _keep_alive(visitor)
        try:
            hello = json.loads(_line(visitor))
            number, hosts = hello["process"], hello["hosts"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        if type(number) is not int or not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
            return
        if tuple(hosts) != cluster.hosts or not 0 < number < cluster.num_workers:
            reported = ", ".join(repr(host)[1:-1] for host in hosts)
            reason = (
                f"The processes have different clusters in {VARIABLE}: {', '.join(cluster.hosts)} in process 1 and "
                f"{reported} in process {number + 1}. Give every process the same, and its own index."
            )
            _send(visitor, f"{_REFUSED} {reason}")
            raise ConfigError(reason)
        held.pop_all()
        if number in come:  # Killed while it waited, and started anew.
            come.pop(number).close()
        come[number] = visitor


def _answer(chief: socket.socket, wait: Wait) -> str:
    """The line that the first process says; empty if it has gone, or is not waiting but training."""
    said, words = b"", tuple(word.encode() for word in (_COME, _REFUSED, _STOPPED))
    _keep_alive(chief)
    chief.settimeout(_PAUSE_SECONDS)
    while not said.endswith(b"\n"):
        wait.go_on([0])
        try:
            part = chief.recv(_LONGEST_LINE)
        except socket.timeout:
            continue
        said += part
        if not part or (len(said) > len(_REFUSED) and not said.startswith(words)):
            wait.trouble = "it does not listen, and may still be about the training that this process has left"
            return ""
    return said.decode().strip()


def _keep_alive(connection: socket.socket) -> None:
    """Has the system find out within half a minute that the machine at the other end is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):  # Not on every system.
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _line(visitor: socket.socket) -> str:
    """What it says first; raises OSError if that takes too long."""
    said, deadline = b"", time.monotonic() + _LINE_SECONDS
    while not said.endswith(b"\n") and len(said) < _LONGEST_LINE:
        visitor.settimeout(max(deadline - time.monotonic(), 1e-3))
        part = visitor.recv(_LONGEST_LINE)
        if not part:
            break
        said += part
    return said.decode()


def _send(to: socket.socket, line: str) -> None:
    to.sendall(" ".join(line.split("\n")).encode() + b"\n")


def _has_gone(visitor: socket.socket) -> bool:
    """Whether its end of the connection is closed: it says nothing while it waits."""
    visitor.setblocking(False)
    try:
        return not visitor.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        visitor.settimeout(_ANSWER_SECONDS)


def _address(host: str) -> tuple[str, int]:
    name, _, port = host.rpartition(":")
    return name.strip("[]"), int(port)
