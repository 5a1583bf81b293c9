# SPDX-License-Identifier: Apache-2.0
"""The distribution registry on loopback, with common requirements: none, TLS, a login, a token."""
import base64
import hashlib
import http.server
import json
import os
import pathlib
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def kube_paths():
    """What tests/kube/build prints: REGISTRY_BIN, LAYOUT …"""
    printed = subprocess.run([ROOT / "tests" / "kube" / "build", "--print"], capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in printed.splitlines())


def program():
    return kube_paths()["REGISTRY_BIN"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, **options).stdout


class Certificates:
    """An authority and a certificate for 127.0.0.1."""
    def __init__(self, folder):
        self.authority, self.certificate, self.key = folder / "ca.crt", folder / "server.crt", folder / "server.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=test authority",
                "-keyout", folder / "ca.key", "-out", self.authority)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", self.key, "-out", folder / "server.csr")
        (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
        openssl("x509", "-req", "-days", "2", "-in", folder / "server.csr", "-CA", self.authority, "-CAkey", folder / "ca.key", "-CAcreateserial",
                "-extfile", folder / "names", "-out", self.certificate)


class TokenServer:
    """Issues tokens that the registry accepts, given the password or the identity token."""
    def __init__(self, folder, certificates, user, password, identity_token):
        self.asked = []
        basic = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def answer(self, query, allowed):
                outer.asked.append((self.command, query, self.headers.get("Authorization")))
                body = json.dumps({"token": outer.token(query.get("scope", [""])[0])} if allowed else {}).encode()
                self.send_response(200 if allowed else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.answer(urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query), self.headers.get("Authorization") == basic)

            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.answer(form, form.get("grant_type") == ["refresh_token"] and form.get("refresh_token") == [identity_token])

        self.folder, self.certificates = folder, certificates
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, scope):
        now = int(time.time())
        der = openssl("x509", "-in", self.certificates.certificate, "-outform", "DER")
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
        claims = {"iss": "test", "aud": "test registry", "sub": "ann", "exp": now + 300, "nbf": now - 10, "iat": now, "jti": os.urandom(8).hex(),
                  "access": [dict(zip(("type", "name", "actions"), [*scope.split(":")[:2], scope.split(":")[2].split(",")]))] if scope else []}

        def part(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=")

        signed = part(json.dumps(header).encode()) + b"." + part(json.dumps(claims).encode())
        signature = openssl("dgst", "-sha256", "-sign", self.certificates.key, input=signed)
        return (signed + b"." + part(_raw_signature(signature))).decode()

    def stop(self):
        self.server.shutdown()


def _raw_signature(der):
    """r and s of an ECDSA signature, 32 bytes each, from its DER."""
    assert der[0] == 0x30
    at, out = 2, b""
    for _ in range(2):
        size = der[at + 1]
        out += int.from_bytes(der[at + 2:at + 2 + size], "big").to_bytes(32, "big")
        at += 2 + size
    return out


class Registry:
    """One process; several may share a store, each with its own requirements."""
    def __init__(self, folder, store, **environment):
        self.name = f"127.0.0.1:{free_port()}"
        self.config = config = folder / f"registry-{self.name.split(':')[1]}.yaml"
        config.write_text(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {store}}}}}\nhttp: {{addr: {self.name}}}\n")
        self.log = folder / (config.stem + ".log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([program(), "serve", config], stdout=log, stderr=log,
                                            env={"PATH": "/usr/bin:/bin", "OTEL_TRACES_EXPORTER": "none", **environment})
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(self.name.split(":")[1]))) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        pytest.fail(f"the registry does not start: {self.log.read_text()}")

    def collect_garbage(self):
        """What it says of it."""
        return subprocess.run([program(), "garbage-collect", self.config], check=True, capture_output=True, text=True).stdout

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def push(layout, registry):
    """All images of a layout; docker.io/library/redis:7 becomes HOST:PORT/library/redis:7."""
    subprocess.run([ROOT / "tests" / "kube" / "images" / "push", "--no-registry", layout, registry], check=True, capture_output=True)


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()
