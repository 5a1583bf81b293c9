# SPDX-License-Identifier: Apache-2.0
"""An HTTPS server in this process that serves files by path, and notes what it is asked for."""
import http.server
import pathlib
import shutil
import ssl
import threading


class Files:
    """`files`: by path, bytes or a file's path; /old/… redirects to /…; `most`: requests that were answered at once."""
    def __init__(self, certificates):
        self.files, self.asked, self.most = {}, [], 0
        self._now, self._lock = 0, threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                with outer._lock:
                    outer.asked.append(self.path)
                    outer._now += 1
                    outer.most = max(outer.most, outer._now)
                try:
                    outer._answer(self)
                finally:
                    with outer._lock:
                        outer._now -= 1

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.certificate, certificates.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def _answer(self, request):
        data = self.files.get(request.path)
        moved = request.path.startswith("/old/")
        request.send_response(302 if moved else 200 if data is not None else 404)
        if moved:
            request.send_header("Location", request.path[4:])
        size = data.stat().st_size if isinstance(data, pathlib.Path) else len(data or b"")
        request.send_header("Content-Length", str(size))
        request.end_headers()
        if isinstance(data, pathlib.Path):
            with open(data, "rb") as file:
                shutil.copyfileobj(file, request.wfile, 1 << 20)
        else:
            request.wfile.write(data or b"")
