"""The server by itself: what it answers, and what it refuses."""

import contextlib
import http.client
import io
import json
import pathlib
import signal
import socket
import subprocess
import sys
from unittest import mock

from absl.testing import parameterized

import main
from ccp.errors import UserError
from experiments.browse import BrowseServer
from experiments.browse import server as module
from tests.support import browsed, pictures
from tests.support.command_line import ROOT

_SECRET = "a secret"


class ServerTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        folder = pictures.folder_for(self)
        (folder / "secret.txt").write_text(_SECRET)
        (folder / "gallery").mkdir()
        (folder / "gallery" / "secret.txt").write_text(_SECRET)
        self.gallery = browsed.gallery_in(folder / "gallery")
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.server = stack.enter_context(browsed.serving(self.gallery))
        self.port = self.server.server_address[1]

    def request(self, path, method="GET", body=None, **headers):
        """The status, the headers and the body; ``Sec_Fetch_Site`` is the header of that name with dashes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        self.addCleanup(connection.close)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_host="Host" in headers)
        if body is not None and "Content-Length" not in headers:
            headers["Content-Length"] = str(len(body))
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, response.headers, response.read()

    def read(self, path, **options):
        status, headers, body = self.request(path, **options)
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
        return json.loads(body)

    @parameterized.parameters(
        ("/", "text/html"), ("/browse.css", "text/css"), ("/browse.js", "text/javascript"), ("/map.js", "text/java")
    )
    def test_files_of_the_page(self, path, kind):
        status, headers, body = self.request(path)
        self.assertEqual(status, 200)
        self.assertStartsWith(headers["Content-Type"], kind)
        self.assertNotEmpty(body)
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertIn("frame-ancestors 'none'", headers["Content-Security-Policy"])
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(headers["Cross-Origin-Resource-Policy"], "same-origin")
        self.assertNotIn(b"://", body.replace(b"http://www.w3.org/", b""))  # Nothing is loaded from elsewhere.

    def test_answers(self):
        about = json.loads(json.dumps({**self.gallery.about, "most_bytes": module.MOST_BYTES}))
        self.assertEqual(self.read("/about"), about)
        self.assertEqual(self.read("/near/3"), self.gallery.near(3))
        self.assertEqual(self.read("/map"), self.gallery.map)
        file = browsed.png((204, 51, 0))
        self.assertEqual(self.read("/search", method="POST", body=file), self.gallery.search(file))
        status, headers, body = self.request("/image/5")
        self.assertEqual((status, headers["Content-Type"], body), (200, *self.gallery.thumbnail(5)))

    @parameterized.parameters(
        "/../secret.txt",
        "/secret.txt",
        "/gallery/secret.txt",
        "/image/../../secret.txt",
        "/image/..%2f..%2fsecret.txt",
        "/image/%2e%2e/%2e%2e/secret.txt",
        "/image/%252e%252e%252fsecret.txt",
        "/image//etc/passwd",
        "/image/green/0.png",
        "/image/0.png",
        "/image/0%00.png",
        "/image/-1",
        "/image/6",
        "/image/99999999999999999999",
        "/image/%D9%A3",
        "/image/",
        "/near/6",
        "/near/x",
        "/server.py",
        "/page.html",
        "file:///etc/passwd",
        "/search",
    )
    def test_there_is_nothing_else(self, path):
        status, _, body = self.request(path)
        self.assertEqual(status, 404)
        self.assertEqual(json.loads(body), {"error": "There is nothing here."})

    def test_a_link_out_of_the_gallery_is_not_shown(self):
        image = self.gallery.images.paths[2]
        pathlib.Path(image).unlink()
        pathlib.Path(image).symlink_to("../../secret.txt")
        status, _, body = self.request("/image/2")
        self.assertEqual((status, json.loads(body)), (404, {"error": "This image cannot be shown."}))

    @parameterized.parameters(
        "evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "localhost:evil.example", "[::1]", "", "0"
    )
    def test_other_hosts_are_refused(self, host):
        for path in ("/", "/about", "/image/0", "/nothing"):
            status, _, body = self.request(path, Host=host.format(port=self.port))
            self.assertEqual(status, 403)
            self.assertIn("http://127.0.0.1:", json.loads(body)["error"])

    @parameterized.parameters(
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    )
    def test_pages_of_other_hosts_are_refused(self, **headers):
        headers = {name: value.format(port=self.port) for name, value in headers.items()}
        with mock.patch.object(self.gallery, "search") as search:
            for path, method, body in (("/image/0", "GET", None), ("/search", "POST", browsed.png((0, 0, 0)))):
                self.assertEqual(self.request(path, method, body, **headers)[0], 403)
            search.assert_not_called()

    def test_the_page_itself_is_not(self):
        for host in (f"127.0.0.1:{self.port}", f"localhost:{self.port}", "LOCALHOST:1234"):  # A tunnel's port.
            headers = {"Host": host, "Origin": f"http://{host}", "Sec_Fetch_Site": "same-origin"}
            self.assertEqual(self.request("/search", "POST", browsed.png((0, 0, 0)), **headers)[0], 200)

    def test_what_is_sent_is_bounded(self):
        with mock.patch.object(self.gallery, "search") as search:
            for length, status in ((str(module.MOST_BYTES + 1), 413), ("9" * 13, 411), ("-1", 411), ("x", 411)):
                found, answered, _ = self.request("/search", "POST", b"", Content_Length=length)
                self.assertEqual((found, answered["Connection"]), (status, "close"))  # What follows is not read.
            self.assertEqual(self.request("/search", "POST")[0], 411)
            self.assertEqual(self.request("/search", "POST", b"5", Transfer_Encoding="chunked")[0], 411)
            search.assert_not_called()
        self.assertLessEqual(module._Handler.timeout, 30)

    def test_a_request_that_is_cut_off(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc")
            connection.shutdown(socket.SHUT_WR)
            self.assertStartsWith(connection.makefile("rb").read().decode(), "HTTP/1.1 400")

    def test_what_is_no_image(self):
        for contents in (b"no image", b""):
            status, _, body = self.request("/search", "POST", contents)
            self.assertEqual(status, 422)
            self.assertStartsWith(json.loads(body)["error"], "This file cannot be read as an image")

    def test_nothing_else_is_done(self):
        for method in ("PUT", "DELETE", "OPTIONS", "HEAD"):
            self.assertEqual(self.request("/", method)[0], 501)
        self.assertEqual(self.request("/image/0", "POST", b"")[0], 404)

    def test_a_port_that_is_in_use(self):
        for port in (self.port, 70_000):
            with self.assertRaisesRegex(UserError, f"Port {port} cannot be used .* pass another --port"):
                BrowseServer(port)

    def test_listens_on_loopback_alone(self):
        self.assertEqual(self.server.server_address[0], "127.0.0.1")


class CommandTest(parameterized.TestCase):
    def test_needs_images(self):
        with contextlib.redirect_stderr(io.StringIO()) as err:
            self.assertEqual(main.main(["browse", "--model=m"]), 2)
        self.assertIn("main.py browse needs --gallery, the images to search, or --index", err.getvalue())

    def test_a_port_in_use_is_reported_before_the_gallery_is_embedded(self):
        err, opening = io.StringIO(), mock.patch("experiments.browse.open_gallery")
        with BrowseServer(0) as other, contextlib.redirect_stderr(err), opening as opened:
            port = other.server_address[1]
            self.assertEqual(main.main(["browse", "--model=m", "--gallery=g", f"--port={port}"]), 1)
        opened.assert_not_called()
        self.assertIn(f"Port {port} cannot be used", err.getvalue())

    def test_stops_at_once_while_a_search_is_running(self):
        code = """if True:
            import pathlib, signal, sys, tempfile, threading, time, urllib.request
            import main
            from experiments import browse
            from experiments.commands.streams import end_process
            from tests.support import browsed

            def slow(encoded_images):
                print("searching", flush=True)
                time.sleep(60)

            def opened(*_):
                gallery = browsed.gallery_in(pathlib.Path(tempfile.mkdtemp()))
                gallery._embed_masked = slow
                return gallery

            class Server(browse.BrowseServer):
                def service_actions(self):
                    if not hasattr(self, "asked"):
                        self.asked = threading.Thread(
                            target=urllib.request.urlopen, args=(self.url + "search", b"x"), daemon=True
                        )
                        self.asked.start()

            signal.signal(signal.SIGINT, signal.default_int_handler)  # Ignored in what a shell starts with "&".
            browse.open_gallery, browse.BrowseServer = opened, Server
            sys.exit(main.main(["browse", "--model=m", "--gallery=g", "--port=0"], end_process))
        """
        command = [sys.executable, "-c", code]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            shown = [process.stdout.readline() for _ in range(4)]
            self.assertRegex(shown[1], r"page: +http://127\.0\.0\.1:\d+/\n")
            self.assertEqual(shown[3], "searching\n")
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=5)
        self.assertEqual(process.returncode, 130)
        self.assertEndsWith(err, "Stopped.\n")
        self.assertNotIn("Traceback", err)
