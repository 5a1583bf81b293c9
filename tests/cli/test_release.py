# SPDX-License-Identifier: Apache-2.0
"""What only the release ELFs can show: hardening, and that the aarch64 program (under qemu-user) behaves like the x86_64 one."""
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import select
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

import small_base

ROOT = pathlib.Path(__file__).resolve().parents[2]
QEMU = "/usr/bin/qemu-aarch64-static"


def test_an_access_out_of_range_dies():
    done = subprocess.run([ROOT / "out/build/release-x86_64/hardening_probe"], capture_output=True, timeout=20)
    assert done.returncode in (-signal.SIGILL, -signal.SIGTRAP, -signal.SIGABRT), done
    assert done.stdout == b""


def test_programs_are_static(stub, packer):
    for program in (stub, packer, ROOT / "out/stub-aarch64"):
        text = subprocess.run(["readelf", "-lW", program], capture_output=True, text=True, check=True).stdout
        assert "INTERP" not in text and "GNU_RELRO" in text, program


@pytest.fixture(params=["x86_64", "aarch64"])
def program(request, stub):
    """The command that starts the program of one platform on this machine."""
    return [str(stub)] if request.param == "x86_64" else [QEMU, str(ROOT / "out/stub-aarch64")]


def ended(words, **options):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("arguments", [["--version"], ["--licenses"], ["config", "init"], ["--info"], ["info", "--log-format", "json"], ["list"], ["verify"]])
def test_aarch64_says_what_x86_64_says(artifact, stub, arguments):
    payload = ["--payload", artifact] if arguments[0] in ("--info", "info", "list", "verify") else []
    expected = ended([stub, *arguments, *payload])
    assert len(expected) > 5
    assert ended([QEMU, ROOT / "out/stub-aarch64", *arguments, *payload]) == expected


def test_a_file_is_extracted(program, artifact, tmp_path):
    ended([*program, "--payload", artifact, "extract", "--to", tmp_path / "out", "files"])
    for name in ("motd", "large.bin"):
        assert (tmp_path / "out/files/files" / name).read_bytes() == (artifact.parent / "files" / name).read_bytes()


def test_the_agent_knows_its_own_bytes(program):
    assert ended([*program, "agent", "--self-check"]) == hashlib.sha256(pathlib.Path(program[-1]).read_bytes()).hexdigest() + "\n"


def test_the_agent_greets_and_ends_with_its_input(program):
    done = subprocess.run([*program, "agent"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    magic, frame = done.stdout[:17], done.stdout[17:]
    assert magic == b"\nSEALIFT-AGENT 1\n"
    size, kind, number = struct.unpack_from("<IBI", frame)  # runtime/agent/protocol.h
    assert (kind, number, len(frame)) == (1, 0, 9 + size)
    assert json.loads(frame[9:]) == {"version": ended([*program, "--version"]).split()[1]}


def test_the_node_makes_keys_and_certificates(program, tmp_path):
    ended([*program, "node", "pki", "make-ca", "--dir", tmp_path, "--name", "plant7"])
    for usage, purpose, addresses in (("server", ["sslserver", "-verify_ip", "10.7.0.21"], "10.7.0.21,127.0.0.1"), ("client", ["sslclient"], "")):
        key = ended([*program, "node", "pki", "make-key", "--dir", tmp_path, "--usage", usage])
        certificate = ended([*program, "node", "pki", "issue", "--dir", tmp_path, "--usage", usage, "--name", "w1", "--addresses", addresses], input=key)
        ended([*program, "node", "pki", "install", "--dir", tmp_path, "--usage", usage], input=certificate)
        pair = tmp_path / f"node/{usage}.pem"
        ended(["openssl", "verify", "-CAfile", tmp_path / "ca.crt", "-purpose", *purpose, pair])
        assert ended(["openssl", "x509", "-in", pair, "-noout", "-pubkey"]).split() == key.split()
        assert ended(["openssl", "pkey", "-in", pair, "-pubout"]).split() == key.split()
    looked = json.loads(ended([*program, "node", "pki", "look", "--dir", tmp_path]))
    assert [(one["usage"], one["percentLeft"], one["due"]) for one in looked["certificates"]] == [("server", 100, False), ("client", 100, False)]


class Service:
    """A node service as systemd runs it: it reports when it is ready."""
    def __init__(self, words, folder):
        self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notified.bind(str(folder / "notify"))
        self.process = subprocess.Popen(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify")})

    def await_ready(self):
        for _ in range(300):
            if select.select([self.notified], [], [], 0.1)[0]:
                assert self.notified.recv(100) == b"READY=1"
                return
            assert self.process.poll() is None, self.process.communicate()
        pytest.fail("never READY=1")

    def complaint(self):
        """The next line on standard error, which may come in several pieces."""
        said = b""
        while not said.endswith(b"\n"):
            assert select.select([self.process.stderr], [], [], 30)[0], f"no whole line: {said}"
            piece = os.read(self.process.stderr.fileno(), 4096)
            assert piece, f"ended: {said}"
            said += piece
        return said.decode()

    def hang_up(self):
        self.process.send_signal(signal.SIGHUP)


@contextlib.contextmanager
def service(words, folder):
    """A ready Service, ended by SIGTERM."""
    running = Service(words, folder)
    try:
        running.await_ready()
        yield running
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(30) == 0, running.process.communicate()
    finally:
        running.process.kill()
        running.process.communicate()
        running.notified.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def backend(name):
    """Echoes what it receives, after its name; returns its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def echo(connection):
            with connection, contextlib.suppress(ConnectionError):  # the balancer's questions end by a reset
                while data := connection.recv(4096):
                    connection.sendall(name + data)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=echo, args=listener.accept()[:1], daemon=True).start()
        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)  # ends accept()


def ask(port):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while data := client.recv(4096):
            answer += data
    return answer


def write_balancer(path, port, *backends):
    path.write_text(json.dumps({"listen": f"127.0.0.1:{port}", "backends": backends}))


def test_the_node_balances_connections(program, tmp_path):
    port, config = free_port(), tmp_path / "balancer.json"
    with backend(b"one: ") as address:
        write_balancer(config, port, f"127.0.0.1:{free_port()}", address)
        with service([*program, "node", "balancer", "--config", config], tmp_path):
            assert ask(port) == b"one: hello"


def test_on_sighup_the_balancer_takes_new_backends_and_keeps_its_own_if_the_file_is_no_use(program, tmp_path):
    port, config = free_port(), tmp_path / "balancer.json"

    def becomes(answer):
        deadline = time.monotonic() + 30
        while ask(port) != answer:
            assert time.monotonic() < deadline, f"never {answer}"
            time.sleep(0.1)
    with backend(b"old: ") as old, backend(b"new: ") as new:
        write_balancer(config, port, old)
        with service([*program, "node", "balancer", "--config", config], tmp_path) as running, \
                socket.create_connection(("127.0.0.1", port), timeout=30) as standing:
            standing.sendall(b"first")
            assert standing.recv(100) == b"old: first"
            write_balancer(config, port, new)
            assert ask(port) == b"old: hello"  # the file alone changes nothing
            running.hang_up()
            becomes(b"new: hello")
            standing.sendall(b"second")
            assert standing.recv(100) == b"old: second"
            for useless in ("rubbish", '{"listen": "127.0.0.1:1", "backends": []}'):
                config.write_text(useless)
                running.hang_up()
                running.complaint()
                assert ask(port) == b"new: hello"
            write_balancer(config, port, old)
            running.hang_up()
            becomes(b"old: hello")


def test_the_node_serves_images_from_the_payload_in_place(program, artifact, tmp_path):
    payload = tmp_path / "shop.payload"
    with open(artifact, "rb") as file:
        file.seek(16 << 20)
        payload.write_bytes(file.read())
    # written by the store beside a completely received payload
    whole = struct.pack("<IIQQQ", 1, 0, payload.stat().st_size, 2**64 - 1, 2**64 - 1)
    (tmp_path / "shop.payload.state").write_bytes(b"SEALSTOR" + whole)
    ended([*program, "node", "pki", "make-ca", "--dir", tmp_path, "--name", "plant7"])
    public = ended([*program, "node", "pki", "make-key", "--dir", tmp_path, "--usage", "server"])
    issued = ended([*program, "node", "pki", "issue", "--dir", tmp_path, "--usage", "server", "--name", "w1", "--addresses", "127.0.0.1"], input=public)
    ended([*program, "node", "pki", "install", "--dir", tmp_path, "--usage", "server"], input=issued)
    trusted = ssl.create_default_context(cafile=tmp_path / "ca.crt")
    port = free_port()
    config = tmp_path / "mirror.json"
    records = tmp_path / "artifacts"
    config.write_text(json.dumps({
        "localListen": f"127.0.0.1:{port}", "artifacts": str(records), "ca": str(tmp_path / "ca.crt"),
        "server": str(tmp_path / "node/server.pem")}))
    registry, _, rest = small_base.IMAGES["etcd"].partition("/")
    repository, _, tag = rest.partition(":")
    with service([*program, "node", "mirror", "--config", config], tmp_path) as running:
        def get(path, status=200):
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=trusted)
            connection.request("GET", f"/v2/{repository}/{path}?ns={registry}")
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            assert answer.status == status, body
            return body
        get(f"manifests/{tag}", status=404)
        # recorded while it runs, as a delivery does: served from the next request on
        records.mkdir()
        record = {"format": 1, "base": True, "name": "shop", "identity": "sha256:" + 64 * "0", "payloads": [str(payload)]}
        (records / "@base.json.tmp").write_text(json.dumps(record))
        (records / "@base.json.tmp").rename(records / "@base.json")
        get(f"manifests/{tag}")
        running.hang_up()
        manifest = json.loads(get(f"manifests/{tag}"))
        for blob in (manifest["config"], *manifest["layers"]):
            body = get(f"blobs/{blob['digest']}")
            assert "sha256:" + hashlib.sha256(body).hexdigest() == blob["digest"]
        # an unusable certificate leaves the mirror unchanged
        (tmp_path / "node/server.pem").write_text("rubbish")
        running.hang_up()
        running.complaint()
        get(f"manifests/{tag}")
