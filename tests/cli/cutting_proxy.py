# SPDX-License-Identifier: Apache-2.0
"""Stands between a client and a server and cuts connections after so many bytes."""
import socket
import threading


class CuttingProxy:
    """cuts: bytes after which each connection in turn is cut, counted in both directions; those that follow last."""
    def __init__(self, server, cuts=()):
        self.server = (server.split(":")[0], int(server.split(":")[1]))
        self.cuts = list(cuts)
        self.up = self.down = 0  # bytes passed on
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.name = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                left = [self.cuts.pop(0) if self.cuts else None]
            try:
                server = socket.create_connection(self.server)
            except OSError:
                client.close()
                continue
            for source, target, is_up in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pass_on, args=(source, target, left, is_up), daemon=True).start()

    def _pass_on(self, source, target, left, is_up):
        try:
            while data := source.recv(65536):
                with self.lock:
                    if left[0] is not None:
                        data = data[:left[0]]
                        left[0] -= len(data)
                    if is_up:
                        self.up += len(data)
                    else:
                        self.down += len(data)
                    is_cut = left[0] == 0
                target.sendall(data)
                if is_cut:
                    break
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
