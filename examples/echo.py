#!/usr/bin/env python3
"""An upstream that answers every request with the request itself, as JSON.

It reads the wire by itself instead of by http.server's handler, which repairs paths, folds headers and
takes a hundred of them at most: what is shown here is what arrived, every header in its order and as often
as it came. Each byte becomes the character of the same number (Latin-1), so that nothing is lost.
"""

import argparse
import json
import signal
import sys
from http.server import ThreadingHTTPServer
from socketserver import StreamRequestHandler


class Echo(StreamRequestHandler):
    """One connection: requests are answered until the client closes it."""

    timeout = 60  # seconds for a client to say something
    disable_nagle_algorithm = True

    def handle(self):
        try:
            while self.answer():
                pass
        except (ConnectionError, TimeoutError):
            pass
        except ValueError as error:
            self.send(b"400 Bad Request", f"{error}\n", [b"connection: close"])

    def answer(self):
        """Answers one request; false when the connection is to be closed."""
        line = self.line()
        if not line:
            return False
        method, _, rest = line.partition(b" ")
        path, _, version = rest.rpartition(b" ")
        if not version.startswith(b"HTTP/1."):
            raise ValueError("a request line has a method, a target and a version")
        headers = []
        while field := self.line():
            name, _, value = field.partition(b":")
            headers.append((name, value.strip(b" \t")))
        known = {name.lower(): value.lower() for name, value in headers}
        if known.get(b"expect") == b"100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.body(known)
        keep = version == b"HTTP/1.1" and known.get(b"connection") != b"close"

        def quoted(value):
            return json.dumps(value.decode("latin-1"))

        pairs = ",\n    ".join(f"[{quoted(name)}, {quoted(value)}]" for name, value in headers)
        answer = (
            f'{{\n  "method": {quoted(method)},\n  "path": {quoted(path)},\n'
            f'  "headers": [\n    {pairs}\n  ],\n  "body": {quoted(body)}\n}}\n'
        )
        fields = [b"content-type: application/json"] + ([] if keep else [b"connection: close"])
        self.send(b"200 OK", answer, fields, bodiless=method == b"HEAD")
        if self.server.verbose:
            print(f"{quoted(method)} {quoted(path.partition(b'?')[0])}", file=sys.stderr, flush=True)
        return keep

    def line(self):
        return self.rfile.readline().rstrip(b"\r\n")

    def body(self, known):
        if known.get(b"transfer-encoding", b"").endswith(b"chunked"):
            chunks = []
            while size := int(self.line().partition(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.line()
            while self.line():  # trailers
                pass
            return b"".join(chunks)
        return self.rfile.read(int(known.get(b"content-length", 0)))

    def send(self, status, text, fields, bodiless=False):
        body = text.encode()
        head = [b"HTTP/1.1 " + status, b"content-length: %d" % len(body), *fields, b"", b""]
        self.wfile.write(b"\r\n".join(head) + (b"" if bodiless else body))


class Server(ThreadingHTTPServer):
    request_queue_size = 1024


def main():
    parser = argparse.ArgumentParser(description="Answers every request on 127.0.0.1 with the request itself, as JSON.")
    parser.add_argument("--port", type=int, default=8080, help="0: a free one, which is printed; default: %(default)s")
    parser.add_argument("--verbose", action="store_true", help="write a line for every request to stderr")
    arguments = parser.parse_args()
    for ending in signal.SIGINT, signal.SIGTERM:
        signal.signal(ending, lambda *_: sys.exit(0))
    try:
        server = Server(("127.0.0.1", arguments.port), Echo)
    except OSError as error:
        sys.exit(f"echo.py: cannot listen on 127.0.0.1:{arguments.port}: {error.strerror}; is another --port free?")
    server.verbose = arguments.verbose
    if arguments.port == 0:
        print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
