# SPDX-License-Identifier: Apache-2.0
"""Builds that are killed, stopped or left alone by their registry while images arrive: what has come is kept, nothing whole is
fetched twice, and the artifact is the one that an undisturbed build makes."""
import hashlib
import os
import random
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

import small_base
from conftest import needs
from image_server import ImageServer
from own_disk import OwnDisk

IMAGES = 7
LARGE = 2_000_000  # bytes of each image's layer


class HoldingServer(ImageServer):
    """Gives `free` large blobs; of all others half, and then nothing until release()."""
    def __init__(self, layout, free):
        self.free, self.released, self.dies = free, threading.Event(), False
        self.lock = threading.Lock()
        super().__init__(layout)

    def _send(self, request, status, body, headers=None, cut=False):
        with self.lock:
            held = len(body) > LARGE // 4 and not self.released.is_set()
            if held:
                self.free -= 1
                held = self.free < 0
        if not held:
            return super()._send(request, status, body, headers, cut)
        request.send_response(status)
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[:len(body) // 2])
        request.wfile.flush()
        self.released.wait(60)
        request.close_connection = True

    def release(self):
        self.released.set()


class Site:
    def __init__(self, folder, packer, stub):
        self.folder, self.packer, self.stub = folder, packer, stub
        self.context = folder / "context"
        self.context.mkdir()
        self.layout = self.context / "images"
        small_base.make_layout(self.layout)
        source = random.Random(11)
        self.layers = {small_base.add_image(self.layout, f"docker.io/acme/app{i}:1", source.randbytes(LARGE)) for i in range(IMAGES)}
        self.servers = []
        (self.context / "Kubefile").write_text("\n".join(["FROM scratch", *(f"IMAGE acme/app{i}:1" for i in range(IMAGES))]) + "\n")
        self.out, self.partial, self.list = (folder / name for name in ("out.run", "out.run.partial", "out.run.partial.blobs"))

    def serve(self, free=IMAGES):
        self.servers.append(HoldingServer(self.layout, free))
        if free == IMAGES:
            self.servers[-1].release()
        return self.servers[-1]

    def command(self, server, output=None):
        return [self.packer, "build", "-f", self.context / "Kubefile", "-t", "app:1", "-o", output or self.out, "--platform", "linux/amd64", "--stub", self.stub,
                "--mirror", f"docker.io={server.url}", self.context]

    def start(self, server):
        return subprocess.Popen(self.command(server), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder, env=self.environment())

    def environment(self):
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.folder)}

    def build(self, server, output=None):
        return subprocess.run(self.command(server, output), capture_output=True, text=True, cwd=self.folder, env=self.environment(), timeout=120)

    def received(self):
        """By digest: bytes that have come, and all."""
        out = {}
        if self.list.exists():
            for line in self.list.read_text().splitlines()[1:]:
                digest, _, size, received = line.split()
                out[digest] = (int(received), int(size))
        return out

    def until_held(self, process, whole):
        """Waits until that many large blobs are there, and a part of another."""
        for _ in range(600):
            at = [self.received().get(layer, (0, 1)) for layer in self.layers]
            if sum(got == size for got, size in at) >= whole and any(0 < got < size for got, size in at):
                return
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        pytest.fail(f"the build does not get that far: {self.received()}")

    def undisturbed(self):
        done = self.build(self.serve(), self.folder / "undisturbed.run")
        assert done.returncode == 0, done.stderr
        return self.folder / "undisturbed.run"


@pytest.fixture
def site(tmp_path, packer, stub):
    site = Site(tmp_path, packer, stub)
    yield site
    for server in site.servers:
        server.release()
        server.stop()


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def goes_on(site, but_for=()):
    """The next build takes what has come, asks for the rest alone, and makes the same artifact; `but_for`: what it must fetch
    again."""
    before = site.received()
    server = site.serve()
    done = site.build(server)
    assert done.returncode == 0, done.stderr
    for layer in site.layers - set(but_for):
        got, size = before.get(layer, (0, 1))
        begins = [int((asked.range or "bytes=0-").removeprefix("bytes=").rstrip("-")) for asked in server.asked_for(layer)]
        assert begins == ([] if got == size else [got]), (layer, begins, got, size)
    assert not site.partial.exists() and not site.list.exists()
    assert sha256(site.out) == sha256(site.undisturbed())
    return server, done.stderr


def interrupt(site, how):
    server = site.serve(free=3)
    process = site.start(server)
    site.until_held(process, 3)
    if how == "registry":
        server.stop()
        server.ended = True
        server.release()
    else:
        process.send_signal(how)
    _, text = process.communicate(timeout=120)
    server.release()
    assert not site.out.exists()
    return process.returncode, text


@pytest.mark.parametrize("how, code", [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130), ("registry", 8)])
def test_a_build_goes_on_where_the_last_one_ended(site, how, code):
    ended, text = interrupt(site, how)
    assert ended == code, text
    if how != signal.SIGKILL:
        assert f"{site.partial} keeps the " in text and "may be deleted at any time" in text
    assert site.partial.stat().st_mode & 0o777 == 0o600
    assert sum(got == size for got, size in site.received().values()) >= 3
    _, said = goes_on(site)
    assert "that an interrupted build fetched are taken from it" in said
    assert [path.name for path in site.folder.iterdir() if ".run" in path.name and path.name not in ("out.run", "undisturbed.run")] == []


@pytest.mark.parametrize("damage", ["a bit", "the end", "the list"])
def test_what_a_killed_build_left_is_not_trusted(site, damage):
    interrupt(site, signal.SIGKILL)
    lines = site.list.read_text().splitlines()
    if damage == "a bit":
        whole = next(line.split() for line in lines[1:] if line.split()[0] in site.layers and line.split()[2] == line.split()[3])
        with open(site.partial, "r+b") as file:
            file.seek(int(whole[1]) + 5000)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 4]))
        server, _ = goes_on(site, but_for=[whole[0]])
        assert len(server.asked_for(whole[0])) == 1
    else:
        if damage == "the end":
            os.truncate(site.partial, 1000)
        else:
            site.list.write_bytes(os.urandom(300))
        server = site.serve()
        done = site.build(server)
        assert done.returncode == 0 and "nothing in it can be used" in done.stderr, done.stderr
        assert sha256(site.out) == sha256(site.undisturbed())
        assert not site.partial.exists() and not site.list.exists()


def test_two_builds_of_one_output_do_not_mix(site):
    server = site.serve(free=3)
    process = site.start(server)
    site.until_held(process, 3)
    done = site.build(site.serve())
    assert done.returncode == 10 and f"(process {process.pid})" in done.stderr, done.stderr
    server.release()
    process.kill()
    process.communicate()
    goes_on(site)


def test_a_build_with_other_contents_moves_what_has_come(site):
    interrupt(site, signal.SIGKILL)
    (site.context / "file").write_bytes(random.Random(5).randbytes(300_000))
    with open(site.context / "Kubefile", "a") as kubefile:
        kubefile.write("COPY file file\n")
    goes_on(site)


def start_on(disk, site, server):
    return subprocess.Popen([*disk.enter, *site.command(server, disk.folder / "out.run")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=site.environment())


@pytest.fixture
def disk(site, request):
    needs(os.geteuid() == 0, "root")
    made = OwnDisk(site.folder / "disk", request.param)
    yield made
    made.close()


@pytest.mark.parametrize("disk", ["1g"], indirect=True)
def test_a_disk_that_fills_up_ends_the_build_and_with_room_the_next_one_goes_on(site, disk):
    site.list = disk.seen / "out.run.partial.blobs"
    server = site.serve(free=3)
    process = start_on(disk, site, server)
    site.until_held(process, 3)
    with open(disk.seen / "other", "wb", buffering=0) as other:
        while (room := disk.free() - LARGE) > 0:
            other.write(b"x" * min(room, LARGE // 2))  # the build may still be writing
    server.release()
    _, said = process.communicate(timeout=120)
    assert process.returncode == 7 and "no space" in said.lower() and "out.run.partial keeps the " in said, said
    whole = [layer for layer in site.layers if len(set(site.received().get(layer, (0, 1)))) == 1]
    assert len(whole) >= 3
    before = {layer: len(server.asked_for(layer)) for layer in whole}
    (disk.seen / "other").unlink()
    again = start_on(disk, site, server)
    _, said = again.communicate(timeout=120)
    assert again.returncode == 0 and "that an interrupted build fetched" in said, said
    assert sha256(site.undisturbed()) == sha256(disk.seen / "out.run")
    assert [path.name for path in disk.seen.iterdir()] == ["out.run"]
    assert {layer: len(server.asked_for(layer)) for layer in whole} == before


@pytest.mark.parametrize("disk", ["8m"], indirect=True)
def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(site, disk):
    server = site.serve()
    process = start_on(disk, site, server)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 7, said
    told = re.search(r"([0-9.]+) MiB of images are to be fetched, and (.*) has 8.0 MiB left; make room there, or name an output elsewhere", said)
    assert told and 13 <= float(told[1]) < 15 and told[2] == str(disk.folder), said
    assert not any(server.asked_for(layer) for layer in site.layers) and list(disk.seen.iterdir()) == []
