# SPDX-License-Identifier: Apache-2.0
"""The local store as people use it: build into it, FROM its names, tag, rm, prune, load, save, check; kills and two builds at
once."""
import hashlib
import json
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

import small_base
from image_server import ImageServer


class User:
    def __init__(self, folder, packer, stub):
        self.folder, self.packer, self.stub = folder, packer, stub
        self.data = folder / "data"
        self.store = self.data / "sealift/store"
        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder), "XDG_DATA_HOME": str(self.data)}
        (folder / "context").mkdir()

    def run(self, *arguments, code=0):
        done = subprocess.run([self.packer, *map(str, arguments)], capture_output=True, text=True, cwd=self.folder, env=self.environment, timeout=120)
        assert done.returncode == code, done.stderr + done.stdout
        return done.stdout if code == 0 else done.stderr

    def build_command(self, kubefile, *arguments):
        (self.folder / "context/Kubefile").write_text(kubefile)
        return ["build", "-f", self.folder / "context/Kubefile", "--platform", "linux/amd64", "--stub", self.stub, *arguments, self.folder / "context"]

    def build(self, kubefile, *arguments, code=0):
        return self.run(*self.build_command(kubefile, *arguments), code=code)

    def list(self):
        return {name: artifact for artifact in json.loads(self.run("artifacts", "--json")) for name in artifact["names"] or ["-"]}


@pytest.fixture
def user(tmp_path, packer, stub):
    return User(tmp_path, packer, stub)


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_artifacts_are_built_on_names_of_the_store(user):
    (user.folder / "context/one").write_text("one")
    assert "the local store is empty" in user.run("artifacts")
    said = user.build("FROM scratch\nCOPY one one\n", "-t", "base:1.0")
    assert said.startswith("base:1.0: "), said
    user.build("FROM base:1.0\nCOPY one two\n", "-t", "shop")
    lines = user.run("artifacts").splitlines()
    assert lines[0].split() == ["NAME", "IDENTITY", "CAME", "SIZE"] and [line.split()[0] for line in lines[1:]] == ["base:1.0", "shop:latest"]
    assert "two" in user.run("inspect", "--tree", "shop") and "1 added" in user.run("diff", "base:1.0", "shop:latest")
    user.run("save", "shop", "-o", user.folder / "shop.run")
    assert (user.folder / "shop.run").stat().st_mode & 0o777 == 0o755
    assert sha256(user.folder / "shop.run") == sha256(user.list()["shop:latest"]["path"])
    # the same artifact, whether it goes into a file or into the store
    user.build("FROM base:1.0\nCOPY one two\n", "-t", "shop", "-o", user.folder / "file.run")
    assert sha256(user.folder / "file.run") == sha256(user.folder / "shop.run")


def test_tag_rm_prune_and_load(user):
    (user.folder / "context/one").write_text("one")
    user.build("FROM scratch\nCOPY one one\n", "-t", "base:1.0")
    user.run("tag", "base:1.0", "base")
    first = user.list()["base:latest"]["identity"]
    (user.folder / "context/one").write_text("changed")
    user.build("FROM scratch\nCOPY one one\n", "-t", "base:1.0")
    assert user.list()["base:latest"]["identity"] == first != user.list()["base:1.0"]["identity"]
    assert user.run("rm", "base:latest").splitlines() == ["removed the name base:latest", f"removed the artifact {first}"]
    user.build("FROM scratch\nCOPY one two\n", "-t", "base:1.0")
    assert "would remove the artifact" in user.run("prune", "--dry-run") and "-" in user.list()
    assert "removed the artifact" in user.run("prune") and "-" not in user.list()
    assert user.run("prune") == "0 B are free now\n"
    user.run("save", "base:1.0", "-o", user.folder / "out.run")
    assert "the name base:1.0" in user.run("rm", user.list()["base:1.0"]["identity"][7:19])
    assert user.run("load", user.folder / "out.run").startswith("base:1.0: ")
    user.run("load", user.folder / "out.run", "-t", "reg.example:5000/prod/base:7")
    assert set(user.list()) == {"base:1.0", "reg.example:5000/prod/base:7"}


def test_mistakes_are_told(user):
    (user.folder / "context/one").write_text("one")
    assert "-t name:version without -o keeps it in the local store" in user.build("FROM scratch\n", code=2)
    assert "write name or name:version" in user.build("FROM scratch\n", "-t", "Shop", code=2)
    assert "--output is empty" in user.build("FROM scratch\n", "-t", "shop", "-o", "", code=2)
    user.build("FROM scratch\nCOPY one one\n", "-t", "base:1.0")
    assert "did you mean base:1.0?" in user.run("rm", "bas:1.0", code=7)
    assert "did you mean base:1.0?" in user.run("save", "base:2.0", "-o", user.folder / "x", code=7)
    assert "the local store has no artifact of this name" in user.build("FROM bse:1.0\n", "-o", user.folder / "x.run", code=3)
    user.run("tag", "base:1.0", "a:b:c", code=2)
    user.run("store", code=2)


def test_damage_is_found(user):
    (user.folder / "context/one").write_bytes(random.Random(1).randbytes(100_000))
    user.build("FROM scratch\nCOPY one one\n", "-t", "base:1.0")
    assert "1 artifact in " in user.run("store", "check")
    path = Path(user.list()["base:1.0"]["path"])
    data = bytearray(path.read_bytes())
    data[-60_000] ^= 1
    path.write_bytes(data)
    said = user.run("store", "check", code=5)
    assert "base:1.0" in said and "is damaged" in said and "`sealift rm " in said
    user.run("rm", "base:1.0")
    assert "0 artifacts" in user.run("store", "check")


def images(user, count, size):
    layout = user.folder / "context/images"
    small_base.make_layout(layout)
    source = random.Random(3)
    return layout, [small_base.add_image(layout, f"docker.io/acme/app{i}:1", source.randbytes(size)) for i in range(count)]


def test_blobs_of_the_store_are_not_fetched_again(user):
    layout, layers = images(user, 3, 200_000)
    server = ImageServer(layout)
    mirror = ["--mirror", f"docker.io={server.url}"]
    user.build("FROM scratch\nIMAGE acme/app0:1\nIMAGE acme/app1:1\n", "-t", "one", *mirror)
    user.build("FROM scratch\nIMAGE acme/app1:1\nIMAGE acme/app2:1\n", "-o", user.folder / "two.run", *mirror)
    server.stop()
    assert [len(server.asked_for(layer)) for layer in layers] == [1, 1, 1]
    user.run("store", "check")


def test_kills_leave_nothing_half_and_two_builds_do_not_mix(user):
    (user.folder / "context/one").write_bytes(random.Random(1).randbytes(30_000_000))
    command = [user.packer, *map(str, user.build_command("FROM scratch\nCOPY one one\n", "-t", "big:1"))]
    source = random.Random(7)
    for _ in range(6):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=user.folder, env=user.environment)
        time.sleep(source.random() * 0.6)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        for artifact in user.list().values():
            assert Path(artifact["path"]).is_file()
        user.run("store", "check")
    assert "big:1: " in user.build("FROM scratch\nCOPY one one\n", "-t", "big:1")
    # at once: two names both get there, one name is busy or comes second
    commands = [[user.packer, *map(str, user.build_command("FROM scratch\nCOPY one one\n", "-t", name))] for name in ("a:1", "b:1", "big:1", "big:1")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=user.folder, env=user.environment) for command in commands]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in processes]
    assert ended[0][2] == 0 and ended[1][2] == 0, ended
    assert sorted(end[2] for end in ended[2:]) in ([0, 0], [0, 10]), ended
    assert {"a:1", "b:1", "big:1"} <= set(user.list())
    user.run("store", "check")
    user.run("prune")
    left = [path.name for path in (user.store / "builds").iterdir() if not path.name.endswith(".lock")]
    assert left == [] and len(list((user.store / "artifacts").iterdir())) == len({artifact["identity"] for artifact in user.list().values()})
