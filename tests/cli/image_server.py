# SPDX-License-Identifier: Apache-2.0
"""A registry in this process that serves the images of an OCI layout, with behaviour that the distribution registry lacks:
interrupted or redirected blobs, client certificates; and a proxy that counts."""
import base64
import collections
import http.server
import json
import ssl
import threading
import urllib.parse
import urllib.request

Asked = collections.namedtuple("Asked", "method path range authorization")


def _start(handler, context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class ImageServer:
    """`cuts`: this many large blobs are cut in the middle; `ends`: nobody listens after the first cut; `elsewhere`: the URL
    that blobs are redirected to; `login`: user:password; `certificates` and `client_authority`: (mutual) TLS."""
    def __init__(self, layout, cuts=0, ends=False, elsewhere=None, login=None, certificates=None, client_authority=None):
        self.layout, self.cuts, self.ends, self.elsewhere, self.login = layout, cuts, ends, elsewhere, login
        self.asked = []
        self.ended = False
        context = None
        if certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.certificate, certificates.key)
            if client_authority:
                context.load_verify_locations(client_authority)
                context.verify_mode = ssl.CERT_REQUIRED
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                outer._answer(self)

        self.server = _start(Handler, context)
        self.name = f"127.0.0.1:{self.server.server_port}"
        self.url = ("https://" if certificates else "http://") + self.name

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def asked_for(self, part):
        return [asked for asked in self.asked if part in asked.path]

    def _answer(self, request):
        self.asked.append(Asked(request.command, request.path, request.headers.get("Range"), request.headers.get("Authorization")))
        if self.ended:  # on earlier connections, too
            request.close_connection = True
            return None
        if self.login and request.headers.get("Authorization") != "Basic " + base64.b64encode(self.login.encode()).decode():
            return self._send(request, 401, b"{}", {"WWW-Authenticate": 'Basic realm="images"'})
        repository, _, reference = request.path.removeprefix("/v2/").rpartition("/")
        repository, _, kind = repository.rpartition("/")
        if kind == "blobs" and self.elsewhere:
            return self._send(request, 307, b"", {"Location": self.elsewhere + request.path})
        found = self._find(repository, reference)
        if found is None:
            return self._send(request, 404, b'{"errors":[{"code":"UNKNOWN","message":"not here"}]}')
        data, media_type = found
        begin, cut = 0, kind == "blobs" and self.cuts > 0 and len(data) > 100_000  # a small one might arrive whole anyway
        status, headers = 200, {"Content-Type": media_type}
        if kind == "blobs" and request.headers.get("Range"):
            begin = int(request.headers["Range"].removeprefix("bytes=").rstrip("-"))
            status, headers["Content-Range"] = 206, f"bytes {begin}-{len(data) - 1}/{len(data)}"
        if cut:
            self.cuts -= 1
        return self._send(request, status, data[begin:], headers, cut)

    def _find(self, repository, reference):
        """By digest, any blob; by tag, the layout's image of that name, whatever registry is in the name."""
        media_type = "application/octet-stream"
        for entry in json.loads((self.layout / "index.json").read_text())["manifests"]:
            name = entry["annotations"]["org.opencontainers.image.ref.name"]
            if reference in (entry["digest"], "") or name.endswith(f"/{repository}:{reference}"):
                reference, media_type = entry["digest"], entry["mediaType"]
        path = self.layout / "blobs" / "sha256" / reference.removeprefix("sha256:")
        return (path.read_bytes(), media_type) if reference.startswith("sha256:") and path.is_file() else None

    def _send(self, request, status, body, headers=None, cut=False):
        request.send_response(status)
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[:len(body) // 2] if cut else body)
        if cut:
            request.close_connection = True
            if self.ends:
                self.ended = True
                threading.Thread(target=self.stop, daemon=True).start()


class Proxy:
    """Forwards requests for http://HOST/… to one server, whatever HOST is; opens no tunnels (CONNECT)."""
    def __init__(self, target):
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_CONNECT(self):
                outer.asked.append(f"CONNECT {self.path}")
                self.send_error(502)

            def do_GET(self):
                outer.asked.append(self.path)
                parts = urllib.parse.urlsplit(self.path)
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                with opener.open(target.url + parts.path) as answer:
                    body = answer.read()
                    self.send_response(answer.status)
                    self.send_header("Content-Type", answer.headers["Content-Type"])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = _start(Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
