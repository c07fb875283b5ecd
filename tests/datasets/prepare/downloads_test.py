"""Downloads from servers of all manners, on this machine."""

from __future__ import annotations

import collections
import contextlib
import email.message
import http.client
import io
import socket
import ssl
import urllib.error
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from datasets.manifest import DataError
from datasets.prepare.downloads import download
from tests.support.file_server import serving
from tests.support.packing import files_in, silent
from tests.support.pictures import folder_for

_FILE = np.random.default_rng(0).bytes(300_000)
_NO_PAUSES = (0.0, 0.0)
_DiskUsage = collections.namedtuple("_DiskUsage", "total used free")


class DownloadTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = folder_for(self)
        self.target = self.folder / "new" / "file.tgz"
        self.server = self.enter(serving(_FILE))

    def enter(self, context):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        return stack.enter_context(context)

    def fetch(self, url: str = "", pauses=_NO_PAUSES):
        download(url or self.server.url, self.target, silent, pauses)

    def assert_refused(self, message, url: str = ""):
        with self.assertRaisesRegex(DataError, message) as caught:
            self.fetch(url)
        self.assertStartsWith(str(caught.exception), url or self.server.url)
        self.assertEndsWith(str(caught.exception), f"Fetch the file by other means and put it to {self.target}.")
        self.assertNotIn("new/file.tgz", files_in(self.folder))

    def assert_fetched(self):
        """The file is whole, and nothing else remains."""
        self.assertEqual(files_in(self.folder), {"new/file.tgz": self.server.contents})

    def asked_for(self) -> list[str | None]:
        return [headers.get("Range") for headers in self.server.requests]


class WholeTest(DownloadTest):
    def test_a_file(self):
        self.fetch()
        self.assert_fetched()
        self.assertEqual(self.asked_for(), [None])

    def test_an_empty_file(self):
        self.server.contents = b""
        self.fetch()
        self.assert_fetched()

    def test_a_length_that_is_not_announced(self):
        self.server.says_length = False
        self.fetch()
        self.assert_fetched()

    def test_a_file_of_this_machine(self):
        original = self.folder / "original.html"
        original.write_bytes(_FILE)
        self.fetch(original.as_uri())
        self.assertEqual(self.target.read_bytes(), _FILE)
        self.target.unlink()
        self.assert_refused("cannot be fetched: .*No such file", (self.folder / "absent").as_uri())

    def test_progress_counts_every_byte(self):
        shown = []

        @contextlib.contextmanager
        def recording(title, total, done):
            shown.append([title, total, done, 0])

            def advance(size):
                shown[-1][-1] += size

            yield advance

        self.server.cut_after = [100_000]
        download(self.server.url, self.target, recording, _NO_PAUSES)
        title = "downloading file.tgz"
        self.assertEqual(shown, [[title, 300_000, 0, 100_000], [title, 300_000, 100_000, 200_000]])


class ResumeTest(DownloadTest):
    @parameterized.parameters("ETag", "Last-Modified")
    def test_goes_on_after_a_cut(self, validator):
        self.server.headers = {validator: '"v"' if validator == "ETag" else "Sat, 01 Jan 2022 00:00:00 GMT"}
        self.server.cut_after = [100_000, 50_000]
        self.fetch()
        self.assert_fetched()
        self.assertEqual(self.asked_for(), [None, "bytes=100000-", "bytes=150000-"])
        self.assertEqual(self.server.requests[1]["If-Range"], *self.server.headers.values())

    def test_a_second_call_goes_on(self):
        self.server.cut_after = [100_000, 0, 0]
        self.assert_refused("the connection ended at 100000 of 300000 bytes, after 3 attempts")
        self.assertEqual(files_in(self.folder)["new/file.tgz.part"], _FILE[:100_000])
        self.fetch()
        self.assert_fetched()
        self.assertEqual(self.asked_for()[-1], "bytes=100000-")

    @parameterized.parameters({"ETag": 'W/"weak"'}, {})
    def test_starts_over_where_versions_cannot_be_told_apart(self, **headers):
        self.server.headers = headers
        self.server.cut_after = [100_000]
        self.fetch()
        self.assert_fetched()
        self.assertEqual(self.asked_for(), [None, None])

    def test_starts_over_where_parts_cannot_be_had(self):
        self.server.ranges = False
        self.server.cut_after = [100_000]
        self.fetch()
        self.assert_fetched()
        self.assertEqual(self.asked_for(), [None, "bytes=100000-"])

    def test_starts_over_with_a_file_that_changed(self):
        self.server.cut_after = [100_000, 0, 0]
        self.assert_refused("after 3 attempts")
        self.server.contents, self.server.headers = _FILE[::-1], {"ETag": '"two"'}
        self.fetch()
        self.assert_fetched()

    def test_starts_over_where_a_server_gives_the_rest_of_another_file(self):
        self.server.cut_after = [100_000, 0, 0]
        self.assert_refused("after 3 attempts")
        # It takes no notice of If-Range, but names the version that it sends.
        self.server.contents, self.server.headers = _FILE[::-1], {"ETag": '"two"', "X": '"one"'}
        self.fetch()
        self.assert_fetched()
        self.assertEqual(self.asked_for()[-2:], ["bytes=100000-", None])

    def test_starts_over_at_another_address(self):
        self.server.cut_after = [100_000, 0, 0]
        self.assert_refused("after 3 attempts")
        self.fetch(self.server.url + "?mirror=2")
        self.assert_fetched()
        self.assertIsNone(self.asked_for()[-1])

    @parameterized.parameters(b"", b"{}", b"[1]", b'{"url": 1}')
    def test_starts_over_where_the_record_is_damaged(self, record):
        self.server.cut_after = [100_000, 0, 0]
        self.assert_refused("after 3 attempts")
        (self.folder / "new/file.tgz.part.json").write_bytes(record)
        self.fetch()
        self.assert_fetched()

    def test_all_of_it_was_there_before_a_kill(self):
        self.server.cut_after = [100_000, 0, 0]
        self.assert_refused("after 3 attempts")
        (self.folder / "new/file.tgz.part").write_bytes(_FILE)
        self.fetch()
        self.assert_fetched()
        self.assertEqual(self.asked_for()[-1], "bytes=300000-")

    def test_more_than_all_of_it_was_there(self):
        self.server.cut_after = [100_000, 0, 0]
        self.assert_refused("after 3 attempts")
        (self.folder / "new/file.tgz.part").write_bytes(_FILE + b"more")
        self.fetch()
        self.assert_fetched()

    def test_attempts_are_counted_anew_after_progress(self):
        self.server.cut_after = [10_000] * 9  # Far more often than there are attempts without progress.
        self.fetch()
        self.assert_fetched()
        self.assertLen(self.server.requests, 10)

    def test_the_same_cut_again_and_again_is_no_progress(self):
        self.server.ranges = False
        self.server.cut_after = [10_000] * 100
        self.assert_refused("the connection ended at 10000 of 300000 bytes, after 3 attempts")
        self.assertLen(self.server.requests, 3)

    def test_pauses_grow(self):
        self.server.statuses = [503] * 4
        with mock.patch("datasets.prepare.downloads.time.sleep") as sleep:
            download(self.server.url, self.target, silent)
        waited = [call.args[0] for call in sleep.call_args_list]
        self.assertLen(waited, 4)
        self.assertEqual(waited, sorted(set(waited)))
        self.assert_fetched()


class FailureTest(DownloadTest):
    @parameterized.parameters(401, 403, 404, 410)
    def test_answers_that_will_stay(self, status):
        self.server.statuses = [status]
        self.assert_refused(f"cannot be fetched: the server answers {status} ")
        self.assertLen(self.server.requests, 1)

    @parameterized.parameters(408, 429, 500, 502, 503, 504)
    def test_answers_that_may_pass(self, status):
        self.server.statuses = [status, status]
        self.fetch()
        self.assert_fetched()
        self.server.statuses = [status] * 3
        self.target.unlink()
        self.assert_refused(f"the server answers {status} .*, after 3 attempts")

    def test_a_web_page_instead(self):
        self.server.contents, self.server.content_type = b"<html>Agree?</html>", "text/html; charset=utf-8"
        self.assert_refused("is a web page, as for a login or an agreement, not the file")
        self.assertEmpty(files_in(self.folder))

    def test_a_web_page_does_not_replace_what_has_arrived(self):
        self.server.cut_after = [100_000, 0, 0]
        self.assert_refused("after 3 attempts")
        self.server.content_type = "text/html"
        self.assert_refused("is a web page")
        self.server.content_type = "application/gzip"
        self.fetch()
        self.assertEqual(self.asked_for()[-1], "bytes=100000-")

    def test_nobody_listens(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}/file.tgz"
        self.assert_refused("cannot be fetched: .*refused, after 3 attempts", url)

    def test_no_http(self):
        with mock.patch("urllib.request.urlopen", side_effect=http.client.BadStatusLine("SSH-2.0")):
            self.assert_refused("cannot be fetched: .*SSH-2.0.*, after 3 attempts")

    def test_silence(self):
        with mock.patch("urllib.request.urlopen", side_effect=TimeoutError("timed out")) as urlopen:
            self.assert_refused("cannot be fetched: timed out, after 3 attempts")
        self.assertBetween(urlopen.call_args.kwargs["timeout"], 1, 300)

    @parameterized.parameters(
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), "certificate verify failed"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
    )
    def test_errors_that_will_stay(self, reason, message):
        with mock.patch("urllib.request.urlopen", side_effect=urllib.error.URLError(reason)) as urlopen:
            self.assert_refused(f"cannot be fetched: .*{message}")
        self.assertEqual(urlopen.call_count, 1)

    @parameterized.parameters("name", "gopher://x/y", "http://[x/y", "http://", "http://a b/c", "http://x:port/y", "")
    def test_addresses_that_are_none(self, url):
        with self.assertRaisesRegex(DataError, "cannot be fetched: "):
            download(url, self.target, silent, _NO_PAUSES)

    def test_a_full_disk_keeps_what_has_arrived(self):
        self.server.cut_after = [100_000, 0, 0]
        self.assert_refused("after 3 attempts")
        usage = _DiskUsage(10**6, 0, 199_999)
        with (
            mock.patch("datasets.prepare.files.shutil.disk_usage", return_value=usage),
            self.assertRaisesRegex(DataError, "200.0 kB must be free in .*new, and 200.0 kB are"),
        ):
            self.fetch()
        self.assertEqual(files_in(self.folder)["new/file.tgz.part"], _FILE[:100_000])
        self.fetch()
        self.assert_fetched()

    def test_an_error_of_the_disk_is_no_lost_connection(self):
        # /dev/full takes nothing.
        self.target.parent.mkdir()
        (self.folder / "new/file.tgz.part").symlink_to("/dev/full")
        with (
            mock.patch("datasets.prepare.partial.Partial.discard"),
            self.assertRaisesRegex(OSError, "No space left"),
        ):
            self.fetch()
        self.assertLen(self.server.requests, 1)

    def test_ftp_is_read_by_the_same_means(self):
        # What urllib makes of an answer by FTP: a file, headers, and no status.
        headers = email.message.Message()
        headers["Content-Length"] = str(len(_FILE))
        answer = urllib.response.addinfourl(io.BufferedReader(io.BytesIO(_FILE)), headers, "ftp://x/file.tgz")
        with mock.patch("urllib.request.urlopen", return_value=answer):
            self.fetch("ftp://x/file.tgz")
        self.assert_fetched()
