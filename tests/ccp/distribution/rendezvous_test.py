"""Processes that wait for each other; here threads, each of which has a port."""

from __future__ import annotations

import concurrent.futures
import contextlib
import io
import json
import socket
import threading
from unittest import mock

from absl.testing import absltest

from ccp.distribution import rendezvous, waiting
from ccp.distribution.cluster import Cluster
from ccp.errors import ConfigError, Interrupted, TrainingError
from tests.support.worker_processes import free_ports


def _clusters(count: int) -> list[Cluster]:
    hosts = tuple(f"localhost:{port}" for port in free_ports(count))
    return [Cluster(count, worker, hosts) for worker in range(count)]


class MeetTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.pool = concurrent.futures.ThreadPoolExecutor()
        self.addCleanup(self.pool.shutdown)
        self.gone = threading.Event()  # Else a wait that a test has failed to end would hold it up.
        self.addCleanup(self.gone.set)

    def meeting(self, cluster: Cluster) -> concurrent.futures.Future:
        return self.pool.submit(rendezvous.meet, cluster, self.gone.is_set)

    def visiting(self, cluster: Cluster) -> socket.socket:
        """Connects to the first process, once it listens."""
        while True:
            with contextlib.suppress(OSError):
                return socket.create_connection(_address(cluster), 5)

    def saying_hello(self, cluster: Cluster) -> socket.socket:
        """Connects, and says what a process says."""
        visitor = self.visiting(cluster)
        visitor.sendall(json.dumps({"process": cluster.worker, "hosts": cluster.hosts}).encode() + b"\n")
        return visitor

    def test_none_goes_before_all_are_there(self):
        clusters = _clusters(3)
        early = [self.meeting(clusters[worker]) for worker in (2, 0)]
        done, _ = concurrent.futures.wait(early, timeout=0.5)
        self.assertEmpty(done)
        for meeting in (*early, self.meeting(clusters[1])):
            meeting.result(timeout=10)

    def test_one_that_was_killed_as_it_waited_has_not_come(self):
        first, second, third = _clusters(3)
        begun = [self.meeting(first), self.meeting(third)]
        self.saying_hello(second).close()
        done, _ = concurrent.futures.wait(begun, timeout=0.5)
        self.assertEmpty(done)
        for meeting in (*begun, self.meeting(second)):
            meeting.result(timeout=10)

    def test_one_that_still_trains_is_waited_for(self):
        first, second = _clusters(2)
        with socket.create_server(_address(first)) as busy:
            worker = self.meeting(second)
            visitor, _ = busy.accept()
            visitor.settimeout(10)
            with visitor:
                visitor.sendall(b"\0\0\x18\4" + b"\0" * 30)  # As TensorFlow's server greets, which then waits.
                self.assertIn(b'"process": 1', visitor.recv(1000))
                self.assertEqual(visitor.recv(1000), b"")  # It has left.
        for meeting in (worker, self.meeting(first)):
            meeting.result(timeout=10)

    def test_strangers_are_not_counted(self):
        first, second = _clusters(2)
        chief = self.meeting(first)
        numberless = b'{"process": Infinity, "hosts": []}\n'
        dripping = b"x"  # And no end of the line.
        for strange in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\xff\n",
            b"[1]\n",
            b"{}\n",
            b"[" * 50000 + b"\n",
            numberless,
            dripping,
        ):
            with self.visiting(first) as stranger:
                stranger.sendall(strange)
                self.assertEqual(stranger.recv(1000), b"")
                self.assertFalse(chief.done())
        with self.saying_hello(second) as visitor:
            self.assertEqual(visitor.recv(1000), b"come\n")
        chief.result(timeout=10)

    def test_all_hear_of_a_cluster_that_differs(self):
        first, second = _clusters(2)
        elsewhere = f"elsewhere:{free_ports(1)[0]}"
        other = second._replace(hosts=(first.hosts[0], elsewhere))
        for meeting in (self.meeting(first), self.meeting(other)):
            with self.assertRaisesRegex(ConfigError, f"{first.hosts[1]} in process 1 and .*{elsewhere} in process 2"):
                meeting.result(timeout=10)

    def test_those_who_have_come_hear_why_the_first_one_ends(self):
        for stops, heard in ((True, "stopped"), (False, "refused The processes have different clusters")):
            first, _, third = _clusters(3)
            chief = self.meeting(first)
            with self.saying_hello(third) as visitor, self.visiting(first) as other:
                concurrent.futures.wait([chief], timeout=0.5)
                if stops:
                    self.gone.set()
                else:
                    other.sendall(b'{"process": 1, "hosts": ["a:1"]}\n')
                visitor.settimeout(10)
                self.assertStartsWith(visitor.recv(1000).decode(), heard)
                with self.assertRaises(Interrupted if stops else ConfigError):
                    chief.result(timeout=10)
            self.gone.clear()

    def test_what_a_waiting_process_hears(self):
        for line, error in ((b"stopped\n", Interrupted), (b"refused for a reason\n", ConfigError)):
            first, second = _clusters(2)
            with socket.create_server(_address(first)) as chief:
                worker = self.meeting(second)
                with chief.accept()[0] as visitor:
                    visitor.sendall(line)
                    with self.assertRaises(error):
                        worker.result(timeout=10)

    def test_it_says_for_whom_it_waits_and_gives_up(self):
        for alone in _clusters(2):
            missing = f"process {2 - alone.worker} at {alone.hosts[1 - alone.worker]}"
            constants = mock.patch.multiple(waiting, PATIENCE_SECONDS=0.4, SILENT_SECONDS=0.1)
            err = io.StringIO()
            with constants, contextlib.redirect_stderr(err), self.assertRaises(TrainingError) as given_up:
                rendezvous.meet(alone)
            self.assertStartsWith(str(given_up.exception), f"Waited 0 minutes in vain for {missing} (")
            self.assertEqual(err.getvalue(), f"Waiting for {missing}, up to 0 minutes.\n")
        self.assertIn("(Connection refused)", str(given_up.exception))  # Of the second one.

    def test_it_says_that_they_have_come_if_it_has_said_that_it_waits(self):
        first, second = _clusters(2)
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            for silent_seconds, said in ((100.0, ""), (0.0, "All processes are there.\n")):
                with mock.patch.object(waiting, "SILENT_SECONDS", silent_seconds):
                    worker = self.meeting(second)
                    rendezvous.meet(first)
                    worker.result(timeout=10)
                self.assertEndsWith(err.getvalue(), said)
                self.assertEqual(bool(err.getvalue()), bool(said))

    def test_it_can_be_stopped(self):
        meetings = [self.meeting(alone) for cluster in (_clusters(2), _clusters(2)[::-1]) for alone in cluster[:1]]
        self.gone.set()
        for meeting in meetings:
            with self.assertRaises(Interrupted):
                meeting.result(timeout=10)

    def test_a_port_that_is_taken(self):
        first, second = _clusters(2)
        message = f"Port {_address(first)[1]} of this machine.*Address already in use"
        short = mock.patch.object(rendezvous, "_PORT_SECONDS", 0.2)
        self.enter_context(mock.patch.object(waiting, "PATIENCE_SECONDS", 5.0))
        with socket.create_server(_address(first)), short, self.assertRaisesRegex(ConfigError, message):
            rendezvous.meet(first)
        name, port = second.hosts[1].split(":")
        with (
            socket.create_server((name, int(port))),
            short,
            self.assertRaisesRegex(ConfigError, f"Port {port} of this"),
        ):
            rendezvous.meet(second)


def _address(cluster: Cluster) -> tuple[str, int]:
    name, port = cluster.hosts[0].split(":")
    return name, int(port)


if __name__ == "__main__":
    absltest.main()
