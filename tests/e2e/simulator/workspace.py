"""An ENT for the lab's Internet, with the manners of a family: what entcore (ONE, NEO), Beneylu School and Iconito are publicly known to
put into the heads of their answers. Nothing of it is theirs but that.

`workspace.py FAMILY PORT` serves it on loopback until it is ended.
"""

import base64
import hashlib
import json
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAMILY = sys.argv[1]
CLASS = ["lina", "malo"]
OTHERS = ["nora"]
LESSON = b"La photosynthese, lecon du matin.\n" * 6000
SCRIPT = b"/* la surface */\n" * 6000
DATE = "Sun, 01 Nov 2026 08:00:00 GMT"
SECRET = "0123456789abcdef0123456789abcdef"
COOKIE = {"entcore": "oneSessionId", "beneylu": "beneyluent", "iconito": "PHPSESSID"}[FAMILY]
WEBSOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Apache"

    def log_message(self, *words):
        pass

    def account(self):
        for pair in self.headers.get("Cookie", "").split(";"):
            name, _, value = pair.strip().partition("=")
            if name == COOKIE and value.endswith(SECRET):
                return value[: -len(SECRET) - 1]
        return None

    def tell(self, status, fields=(), body=b""):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != 304:
            self.wfile.write(body)

    def session(self, account):
        return ("Set-Cookie", f"{COOKIE}={account}-{SECRET}; Path=/; HttpOnly; SameSite=Strict")

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        body = self.body()
        if self.path == "/auth/login":
            account = urllib.parse.parse_qs(body.decode())["email"][0]
            fields = [("Location", "/timeline"), self.session(account), ("Set-Cookie", "authenticated=true; Path=/")]
            return self.tell(302 if account in CLASS + OTHERS else 401, fields)
        if self.account() is None:
            return self.tell(401)
        told = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest(), "by": self.account()}
        self.tell(201, [("Content-Type", "application/json")], json.dumps(told).encode())

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/events":
            return self.events()
        if url.path == "/ws":
            return self.websocket()
        {"entcore": self.entcore, "beneylu": self.beneylu, "iconito": self.iconito}[FAMILY](url)

    # Private files with neither Cache-Control nor Vary, and a bare identifier for a tag, which is compared as a text; cookies on plain
    # pages; what the surface is made of has a date alone.
    def entcore(self, url):
        account = self.account()
        if url.path.startswith("/assets/"):
            if self.headers.get("If-Modified-Since") == DATE:
                return self.tell(304, [("Last-Modified", DATE)])
            return self.tell(200, [("Content-Type", "application/javascript"), ("Last-Modified", DATE)], SCRIPT)
        if url.path == "/auth/logout":
            return self.tell(302, [("Location", "/auth/login"), ("Set-Cookie", f"{COOKIE}=; Path=/; Max-Age=0")])
        if account is None:
            return self.tell(302 if url.path != "/userbook/api/person" else 401, [("Location", "/auth/login")])
        # Whatever follows: this server does not mind, and a cache might take it for a style sheet.
        if url.path.startswith("/userbook/api/person"):
            return self.tell(200, [("Content-Type", "application/json")], json.dumps({"login": account}).encode())
        if url.path.startswith("/workspace/document/"):
            return self.entcore_document(account, url)
        csp = ("Content-Security-Policy", f"script-src 'self' 'nonce-{account}'")
        fields = [("Content-Type", "text/html"), csp, ("Set-Cookie", f"XSRF-TOKEN={account}-{time.time_ns()}; Path=/")]
        self.tell(200, fields, f"<!doctype html><title>ENT</title><p>Bonjour {account}".encode())

    def entcore_document(self, account, url):
        name = url.path.removeprefix("/workspace/document/")
        if name == "thumbnail":
            # One that is missing has a tag of the moment.
            return self.tell(200, [("ETag", str(time.time_ns())), ("Content-Type", "image/png")], b"none" * 10)
        if account not in (CLASS if name.startswith("class-") else [name.split("-")[0]]):
            return self.tell(401, body=b"no")
        fields = [("ETag", f"7f3a11aa-{name}"), ("Content-Type", "application/pdf"), ("Accept-Ranges", "bytes")]
        is_attached = "attachment" in url.query
        kind = "attachment" if is_attached else "inline"
        fields.append(("Content-Disposition", f'{kind}; filename="lecon.pdf"'))
        if not is_attached and self.headers.get("If-None-Match") == f"7f3a11aa-{name}":
            return self.tell(304, fields[:1])
        text = (f"{name}\n").encode() + LESSON
        first, dash, last = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        # `bytes=-5` and several ranges are not known here, nor is If-Range.
        if not dash or not first.isdigit() or not (last.isdigit() or last == ""):
            return self.tell(200, fields, text)
        end = min(int(last or len(text) - 1), len(text) - 1)
        fields.append(("Content-Range", f"bytes {first}-{end}/{len(text)}"))
        self.tell(206, fields, text[int(first) : end + 1])

    # Media are links with a right that is new each time, and lead to an object store; programs show a token.
    def beneylu(self, url):
        query = dict(urllib.parse.parse_qsl(url.query))
        account = self.account()
        if url.path == "/api/me":
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            fields = [("Content-Type", "application/json")]
            return self.tell(200 if token else 401, fields, json.dumps({"token": token}).encode())
        if url.path == "/api/link":
            # A right of this pupil's, for fifteen minutes.
            if account not in CLASS:
                return self.tell(403)
            moment = str(time.time_ns())
            return self.tell(200, [], f"/media/film.mp4?timestamp={moment}&signature={self.sign(moment)}".encode())
        if url.path in ("/media/film.mp4", "/store/film.mp4"):
            if query.get("signature") != self.sign(query.get("timestamp", "")):
                return self.tell(403, body=b"no")
            if url.path.startswith("/media/"):
                return self.tell(301, [("Location", f"/store/film.mp4?{url.query}")])
            fields = [("ETag", '"film"'), ("Content-Type", "video/mp4"), ("Accept-Ranges", "bytes")]
            if self.headers.get("If-None-Match") == '"film"':
                return self.tell(304, fields[:1])
            return self.tell(200, fields, LESSON)
        self.tell(200, [("Content-Type", "text/html")], f"<p>Bonjour {account}".encode())

    def sign(self, moment):
        return hashlib.sha256(f"{SECRET}{moment}".encode()).hexdigest()[:16]

    # No tag, no range, a date that is none, and a directive that nobody knows.
    def iconito(self, url):
        fields = [("Expires", "0"), ("Cache-Control", "protected"), ("Pragma", "")]
        account = self.account()
        if account is None:
            fields.append(self.session("guest"))
        self.tell(200, [*fields, ("Content-Type", "text/html")], f"<p>Bonjour {account} {url.path}".encode())

    def events(self):
        self.send_response(200)
        for name, value in [("Content-Type", "text/event-stream"), ("X-Accel-Buffering", "no"), ("Connection", "close")]:
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        for number in range(1, 4):
            self.wfile.write(f"data: {number}\n\n".encode())
            self.wfile.flush()
            time.sleep(0.2)

    # RFC 6455: what is said is said back, in capitals.
    def websocket(self):
        key = self.headers.get("Sec-WebSocket-Key")
        if not key:
            return self.tell(426)
        accept = base64.b64encode(hashlib.sha1((key + WEBSOCKET).encode()).digest()).decode()
        self.send_response(101)
        for name, value in [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)]:
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        while (head := self.rfile.read(2)) and head[0] & 15 == 1:
            length = head[1] & 127
            if length > 125:
                return
            mask = self.rfile.read(4)
            said = bytes(byte ^ mask[place % 4] for place, byte in enumerate(self.rfile.read(length)))
            self.wfile.write(bytes([0x81, length]) + said.upper())
            self.wfile.flush()


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
threading.Thread(target=server.serve_forever).start()
