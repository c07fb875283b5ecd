"""A web server on this machine, with the manners of good and bad ones."""

from __future__ import annotations

import contextlib
import http.server
import re
import threading
from collections.abc import Iterator


class FileServer:
    """One file at every address, and how it is served.

    Attributes:
      contents: of the file.
      headers: sent along, as ETag.
      ranges: whether parts can be had.
      cut_after: bytes after which a connection is cut, for each of the next ones; then they are whole.
      statuses: answers to the next requests, before the file is served.
      content_type: of the file.
      says_length: whether the length is announced.
      requests: the headers of every request.
    """

    def __init__(self, contents: bytes):
        self.contents, self.headers = contents, {"ETag": '"one"'}
        self.ranges, self.says_length = True, True
        self.cut_after: list[int] = []
        self.statuses: list[int] = []
        self.content_type = "application/octet-stream"
        self.requests: list[dict[str, str]] = []
        self.url = ""

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        self.requests.append(dict(handler.headers))
        if self.statuses:
            handler.send_error(self.statuses.pop(0))
            return
        begin = self._begin(handler.headers)
        if begin >= len(self.contents) > 0:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(self.contents)}")
            handler.end_headers()
            return
        handler.send_response(206 if begin else 200)
        if begin:
            handler.send_header("Content-Range", f"bytes {begin}-{len(self.contents) - 1}/{len(self.contents)}")
        for name, value in {**self.headers, "Content-Type": self.content_type}.items():
            handler.send_header(name, value)
        body = self.contents[begin:]
        if self.says_length:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: self.cut_after.pop(0)] if self.cut_after else body)

    def _begin(self, headers) -> int:
        asked = re.fullmatch(r"bytes=(\d+)-", headers.get("Range", ""))
        if not (self.ranges and asked and headers.get("If-Range") in self.headers.values()):
            return 0
        return int(asked.group(1))


@contextlib.contextmanager
def serving(contents: bytes) -> Iterator[FileServer]:
    """A server of a file, on a free port."""
    file_server = FileServer(contents)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            file_server.answer(self)

        def log_message(self, *arguments):
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        file_server.url = f"http://127.0.0.1:{server.server_port}/some/file.tgz"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield file_server
        finally:
            server.shutdown()
            thread.join()
