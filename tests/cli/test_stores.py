# SPDX-License-Identifier: Apache-2.0
"""IMAGE --from=containerd: and docker-daemon: against a real containerd, and against a daemon that answers as Docker's does."""
import http.server
import json
import os
import pathlib
import socketserver
import subprocess
import tarfile
import threading
import time

import pytest

import small_base
from conftest import ROOT, needs

NAMES = ("docker.io/acme/one:1", "quay.io/acme/two:2")


class Site:
    def __init__(self, folder, packer, stub):
        self.folder, self.packer, self.stub = folder, packer, stub
        self.layout = folder / "images"
        small_base.make_layout(self.layout)
        self.layers = {name: small_base.add_image(self.layout, name, name.encode() * 20_000) for name in NAMES}

    def build(self, lines, *options, env=None):
        (self.folder / "Kubefile").write_text("\n".join(["FROM scratch", *lines]) + "\n")
        return subprocess.run([self.packer, "build", "-f", "Kubefile", "-o", "out.run", "--platform", "linux/amd64", "--stub", self.stub, *options, "."], capture_output=True,
                              text=True, cwd=self.folder, timeout=120, env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "TMPDIR": str(self.folder), **(env or {})})

    def packed(self, *arguments, **options):
        done = self.build(*arguments, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(subprocess.run([self.packer, "inspect", "--json", self.folder / "out.run"], capture_output=True, text=True, check=True).stdout)

    def manifests(self):
        """By name: the digest that the layout gives."""
        return {entry["annotations"]["org.opencontainers.image.ref.name"]: entry["digest"] for entry in json.loads((self.layout / "index.json").read_text())["manifests"]}


@pytest.fixture
def site(tmp_path, packer, stub):
    return Site(tmp_path, packer, stub)


@pytest.fixture
def containerd(tmp_path):
    """A containerd of its own, without what starts containers; returns the environment and the folder of its programs."""
    needs(os.geteuid() == 0, "root")
    printed = subprocess.run([ROOT / "tests" / "kube" / "build", "--print"], capture_output=True, text=True, check=True).stdout
    values = dict(line.split("=", 1) for line in printed.splitlines())
    programs = pathlib.Path(values["HOST_BIN"]) / values["ARCH"]
    needs((programs / "containerd").is_file(), "tests/kube/build")
    socket = tmp_path / "c.sock"
    unused = ["grpc.v1.cri", "cri.v1.images", "cri.v1.runtime", "internal.v1.opt", "nri.v1.nri", *(f"snapshotter.v1.{name}" for name in ("devmapper", "btrfs", "zfs", "erofs", "blockfile"))]
    (tmp_path / "config.toml").write_text(f"version = 3\ndisabled_plugins = {json.dumps(['io.containerd.' + name for name in unused])}\n")
    with open(tmp_path / "containerd.log", "wb") as log:
        process = subprocess.Popen([programs / "containerd", "--config", tmp_path / "config.toml", "--root", tmp_path / "root", "--state", tmp_path / "state", "--address", socket],
                                   stdout=log, stderr=log)
    environment = {"CONTAINERD_ADDRESS": str(socket)}
    try:
        for _ in range(200):
            done = subprocess.run([programs / "ctr", "namespaces", "ls"], env=environment, capture_output=True)
            if done.returncode == 0:
                break
            assert process.poll() is None, (tmp_path / "containerd.log").read_text()
            time.sleep(0.1)
        yield environment, programs
    finally:
        process.terminate()
        process.wait(20)


def test_images_of_containerd_are_packed_with_the_digests_of_their_registry(site, containerd):
    environment, programs = containerd
    with tarfile.open(site.folder / "layout.tar", "w") as archive:
        archive.add(site.layout, arcname=".")
    for name_space in ("k8s.io", "other"):
        subprocess.run([programs / "ctr", "--namespace", name_space, "images", "import", "--no-unpack", site.folder / "layout.tar"], env=environment, check=True, capture_output=True)
    on_path = {**environment, "PATH": f"{programs}:/usr/bin:/bin"}
    for spec, options, env in (("containerd:", (), on_path), ("containerd:other", ("--tools", programs), environment)):
        contents = site.packed([f"IMAGE --from={spec} {name}" for name in NAMES], *options, env=env)
        assert {image["name"]: image["root"]["digest"] for image in contents["images"]} == site.manifests()
        assert set(contents["layers"]) == set(site.layers.values())
    assert [image["name"] for image in site.packed([f"IMAGE {NAMES[0]}"], "--images", "containerd:", env=on_path)["images"]] == [NAMES[0]]
    done = site.build(["IMAGE --from=containerd: acme/none:1"], env=on_path)
    assert done.returncode == 7 and "has no docker.io/acme/none:1; it has docker.io/acme/one:1, quay.io/acme/two:2" in done.stderr and "Kubefile:2" in done.stderr, done.stderr
    done = site.build(["IMAGE --from=containerd:empty acme/one:1"], env=on_path)
    assert done.returncode == 7 and "it has none at all" in done.stderr, done.stderr
    done = site.build(["IMAGE --from=containerd: acme/one:1"], env={**on_path, "CONTAINERD_ADDRESS": "/nowhere"})
    assert done.returncode == 8 and "/nowhere" in done.stderr and "CONTAINERD_ADDRESS" in done.stderr, done.stderr
    done = site.build(["IMAGE --from=containerd: acme/one:1"], env=environment)
    assert done.returncode == 7 and "needs ctr" in done.stderr, done.stderr
    assert not [path for path in site.folder.iterdir() if path.name.startswith(".sealift")]


class Daemon(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers like Docker: inspects, lists and saves images, one archive each, in chunks."""
    daemon_threads = True

    def __init__(self, path, archives):
        self.archives, self.asked = archives, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def address_string(self):
                return "local"

            def do_GET(self):
                outer.asked.append(self.path)
                name, _, verb = self.path.removeprefix("/images/").rpartition("/")
                if self.path == "/images/json":
                    return self.answer(200, json.dumps([{"RepoTags": [name.removeprefix("docker.io/")]} for name in outer.archives]).encode())
                if name not in outer.archives:
                    return self.answer(404, b'{"message":"No such image"}')
                if verb == "json":
                    return self.answer(200, b"{}")
                self.send_response(200)
                self.send_header("Content-Type", "application/x-tar")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                data = outer.archives[name]
                for at in range(0, len(data), 30_000):
                    piece = data[at:at + 30_000]
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\n\r\n")

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        super().__init__(str(path), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def save(site, name):
    """As `docker save` of a daemon that keeps no manifests."""
    path = site.folder / "saved.tar"
    manifest = json.loads((site.layout / "blobs" / "sha256" / site.manifests()[name][7:]).read_text())
    config, layer = manifest["config"]["digest"][7:], manifest["layers"][0]["digest"][7:]
    (site.folder / "manifest.json").write_text(json.dumps([{"Config": f"{config}.json", "RepoTags": [name.removeprefix("docker.io/")], "Layers": [f"{layer}.tar"]}]))
    with tarfile.open(path, "w") as archive:
        archive.add(site.folder / "manifest.json", arcname="manifest.json")
        archive.add(site.layout / "blobs" / "sha256" / config, arcname=f"{config}.json")
        archive.add(site.layout / "blobs" / "sha256" / layer, arcname=f"{layer}.tar")
    return path.read_bytes()


def test_images_of_the_docker_daemon_are_packed(site):
    environment = {"DOCKER_HOST": f"unix://{site.folder}/docker.sock"}
    lines = [f"IMAGE --from=docker-daemon: {name}" for name in NAMES]
    done = site.build(lines, env=environment)
    assert done.returncode == 8 and "the Docker daemon at" in done.stderr and "DOCKER_HOST" in done.stderr, done.stderr
    daemon = Daemon(site.folder / "docker.sock", {name: save(site, name) for name in NAMES})
    try:
        for arguments in ((lines,), ([f"IMAGE {name}" for name in NAMES], "--images", "docker-daemon:")):
            daemon.asked.clear()
            contents = site.packed(*arguments, env=environment)
            assert {image["name"] for image in contents["images"]} == set(NAMES)
            assert set(contents["layers"]) == set(site.layers.values())
            assert sorted(path for path in daemon.asked if path.endswith("/get")) == sorted(f"/images/{name}/get" for name in NAMES)
        done = site.build(["IMAGE --from=docker-daemon: acme/onne:1"], env=environment)
        assert done.returncode == 7 and "has no docker.io/acme/onne:1; it has docker.io/acme/one:1" in done.stderr and "Kubefile:2" in done.stderr, done.stderr
    finally:
        daemon.shutdown()
        daemon.server_close()
