# SPDX-License-Identifier: Apache-2.0
"""Stands between a client and a registry, passes requests on, and answers some of them itself."""
import http.client
import http.server
import threading


class Relay(http.server.ThreadingHTTPServer):
    """before(method, path, body): a status and a body instead of the registry's answer; None: it is asked.
    after(path, body): the body instead of the registry's own."""
    def __init__(self, server, before=lambda *_: None, after=lambda _, body: body):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                own = before(self.command, self.path, body)
                if own:
                    status, headers, text = own[0], {"Content-Type": "application/json"}, own[1]
                else:
                    connection = http.client.HTTPConnection(server, timeout=60)
                    # with its Host: where uploads go on is told with the same name
                    connection.request(self.command, self.path, body, dict(self.headers))
                    reply = connection.getresponse()
                    status, headers, text = reply.status, dict(reply.getheaders()), reply.read()
                    connection.close()
                    changed = after(self.path, text)
                    if changed != text:  # which a registry that lies would not admit
                        headers, text = {name: value for name, value in headers.items() if name.lower() != "docker-content-digest"}, changed
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in ("content-length", "connection", "transfer-encoding", "date"):
                        self.send_header(name, value)
                self.send_header("Content-Length", headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        super().__init__(("127.0.0.1", 0), Handler)
        self.name = f"127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()
