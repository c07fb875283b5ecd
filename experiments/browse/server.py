"""The server of the page. It listens on loopback, and only its own page is answered.

A path names a file of the page from a fixed list, or an image by its number in the gallery: no path is ever looked up
on the disk.
"""

from __future__ import annotations

import http.server
import json
import pathlib
import re
import socket
import sys
import urllib.parse
from typing import Any, NamedTuple

from ccp.errors import UserError
from evaluate.report.templates import BASE_STYLE
from experiments.browse.gallery import BrowsedGallery

HOST = "127.0.0.1"
_HOSTS = (HOST, "localhost")
MOST_BYTES = 64 << 20  # Of a file that is sent: more than a JPEG of 100 million pixels usually has.
_SECONDS = 30.0  # Without a byte, after which a connection is given up.

_FOLDER = pathlib.Path(__file__).parent
_FILES = {
    "/": (_FOLDER / "page.html", "text/html; charset=utf-8"),
    "/base.css": (BASE_STYLE, "text/css; charset=utf-8"),
    "/browse.css": (_FOLDER / "browse.css", "text/css; charset=utf-8"),
    **{
        f"/{name}.js": (_FOLDER / f"{name}.js", "text/javascript; charset=utf-8")
        for name in ("browse", "answers", "map", "camera")
    },
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class _Response(NamedTuple):
    """What a request is answered with."""

    status: int
    kind: str
    body: bytes


class BrowseServer(http.server.ThreadingHTTPServer):
    """Serves the page of a gallery until the process is stopped.

    Attributes:
      gallery: what is searched; set before ``serve_forever``, which may be long after the port is taken.

    Args:
      port: to listen on; 0 for any that is free.

    Raises:
      UserError: the port is in use or not allowed.
    """

    gallery: BrowsedGallery
    daemon_threads = True  # The end of the process does not wait for answers.

    def __init__(self, port: int):
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"Port {port} cannot be used ({reason}); pass another --port, or 0 for any.") from error

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://{HOST}:{self.server_address[1]}/"

    def handle_error(self, request: socket.socket, client_address: Any) -> None:
        """Says nothing of readers that have gone away."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    server: BrowseServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "ccp", ""
    timeout = _SECONDS
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._respond(self._refusal() or self._read())

    def do_POST(self) -> None:
        self._respond(self._refusal() or self._search())

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""

    def _refusal(self) -> _Response | None:
        """The answer to a page of another host, which may have this one's address; None for a request of this page."""
        host = self.headers.get("Host", "")
        if re.sub(r":\d+$", "", host).lower() not in _HOSTS:
            return _error(403, f"This page is at {self.server.url} only.")
        origin, site = self.headers.get("Origin"), self.headers.get("Sec-Fetch-Site", "none")
        if origin not in (None, f"http://{host}") or site not in ("same-origin", "none"):
            return _error(403, "Requests of other pages are refused.")
        return None

    def _read(self) -> _Response:
        """A file of the page, or something of the gallery."""
        path = urllib.parse.urlsplit(self.path).path
        if path in _FILES:
            file, kind = _FILES[path]
            return _Response(200, kind, file.read_bytes())
        if path == "/about":
            return _json({**self.server.gallery.about, "most_bytes": MOST_BYTES})
        if path == "/map":
            return _json(self.server.gallery.map)
        numbered = re.fullmatch(r"/(image|near)/([0-9]{1,9})", path)
        if not numbered or int(numbered[2]) >= len(self.server.gallery.images.paths):
            return _error(404, "There is nothing here.")
        number = int(numbered[2])
        if numbered[1] == "near":
            return _json(self.server.gallery.near(number))
        try:
            return _Response(200, *self.server.gallery.thumbnail(number))
        except UserError:  # It was there when it was embedded; the message has its path.
            return _error(404, "This image cannot be shown.")

    def _search(self) -> _Response:
        """The images nearest to the file in the request."""
        if urllib.parse.urlsplit(self.path).path != "/search":
            return _error(404, "There is nothing here.")
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,12}", length) or self.headers.get("Transfer-Encoding"):
            return _error(411, "A request needs its length.")
        if int(length) > MOST_BYTES:
            return _error(413, f"The file is larger than {MOST_BYTES >> 20} MB.")
        contents = self.rfile.read(int(length))
        if len(contents) < int(length):
            return _error(400, "The request is cut off.")
        try:
            return _json(self.server.gallery.search(contents))
        except UserError as error:
            return _error(422, str(error))

    def _respond(self, response: _Response) -> None:
        self.send_response(response.status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", response.kind)
        self.send_header("Content-Length", str(len(response.body)))
        if response.status != 200:  # What the request holds may be unread.
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(response.body)


def _json(value: Any) -> _Response:
    return _Response(200, "application/json", json.dumps(value, separators=(",", ":")).encode())


def _error(status: int, message: str) -> _Response:
    return _json({"error": message})._replace(status=status)
