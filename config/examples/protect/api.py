"""A small API that knows nothing of tokens: it believes the headers of the proxy in front of it.

    python3 api.py PORT
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FORMS = {"1": "Holiday request", "2": "Travel expenses"}


class Api(BaseHTTPRequestHandler):
    """Forms: list, read, delete."""

    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        caller = self.headers.get("X-User-Id") or self.headers.get("X-Client-Id")
        text = json.dumps({"caller": caller, "data": body}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def form(self):
        head, _, name = self.path.partition("?")[0].rpartition("/")
        return name if head == "/api/forms" and name in FORMS else None

    def do_GET(self):
        if self.path.partition("?")[0] == "/api/forms":
            return self.answer(200, sorted(FORMS))
        name = self.form()
        return self.answer(200, FORMS[name]) if name else self.answer(404, None)

    def do_DELETE(self):
        name = self.form()
        return self.answer(200, FORMS.pop(name)) if name else self.answer(404, None)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Api).serve_forever()
