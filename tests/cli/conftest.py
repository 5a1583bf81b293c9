# SPDX-License-Identifier: Apache-2.0
"""The programs as users run them: real ELFs, through pipes and a pty.

SEALIFT_STUB and SEALIFT_PACKER name the ELFs under test; the default is those of scripts/build.
"""
import difflib
import os
import pathlib
import random
import shutil
import struct
import subprocess

import pytest

import small_base
from terminal import at_terminal

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _program(variable, default):
    path = pathlib.Path(os.environ.get(variable, ROOT / "out" / default))
    if not path.is_file():
        pytest.fail(f"{path} is not there: run scripts/build, or name an ELF in {variable}")
    return path


def needs(there, what):
    """Skips a test whose requirements this machine lacks. With CI set it fails instead: nothing is skipped silently there."""
    if there:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and with CI set no test may be left out")
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def stub():
    return _program("SEALIFT_STUB", "stub-x86_64")


@pytest.fixture(scope="session")
def packer():
    return _program("SEALIFT_PACKER", "sealift")


MANIFEST = """apiVersion: v1
kind: ConfigMap
metadata: {name: hello}
data: {greeting: hello}
"""


# An image with an index; s390x is never packed.
INDEX_IMAGE = "quay.io/both/app:1"


def _add_index_image(layout):
    small_base.add_index(layout, INDEX_IMAGE, {"amd64": b"for amd64", "arm64/v8": random.Random(2).randbytes(100_000), "s390x": b"for s390x"})


def _pack(packer, folder, lines, *options):
    (folder / "Kubefile").write_text("\n".join(["FROM scratch", *lines]) + "\n")
    done = subprocess.run([packer, "build", "-f", "Kubefile", *options], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr


def _write_files(folder):
    """files/ and hello/: the same bytes each time."""
    (folder / "files").mkdir()
    (folder / "files" / "motd").write_text("welcome\n")
    # stored raw, since it begins as gzip does
    (folder / "files" / "large.bin").write_bytes(b"\x1f\x8b" + random.Random(1).randbytes(1_200_000))
    (folder / "files" / "hello.sh").write_text("#!/bin/sh\necho hello\n")
    (folder / "files" / "hello.sh").chmod(0o755)
    (folder / "hello").mkdir()
    (folder / "hello" / "hello.yaml").write_text(MANIFEST)


@pytest.fixture(scope="session")
def artifact(tmp_path_factory, packer, stub):
    """A small artifact, made by the real packer with the stub under test."""
    folder = tmp_path_factory.mktemp("artifact")
    _write_files(folder)
    lines = ["LABEL vendor=example", *small_base.write(folder), f"IMAGE --from=oci:images {INDEX_IMAGE}", "COPY files/ files/", "APP hello local://hello",
             'LAUNCH ["hello"]']
    _add_index_image(folder / "images")
    _pack(packer, folder, lines, "-t", "shop:3.4", "-o", "shop.run", "--platform", "linux/amd64", "--stub", stub)
    return folder / "shop.run"


@pytest.fixture(scope="session")
def sample(tmp_path_factory, packer):
    """A payload for two platforms with a bit of everything, whose bytes depend only on the packer: its programs are heads of
    ELFs. The stub under test shows it with --payload. The API server's two images share their layer."""
    folder = tmp_path_factory.mktemp("sample")
    _write_files(folder)
    (folder / "chart").mkdir()
    (folder / "chart" / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 2.1.0\n")
    small_base.make_layout(folder / "images")
    small_base.add_index(folder / "images", small_base.IMAGES["kube-apiserver"], {architecture: random.Random(3).randbytes(40) for architecture in ("amd64", "arm64")})
    _add_index_image(folder / "images")
    stubs = []
    for name, machine in (("amd64", 62), ("arm64", 183)):
        (folder / name).write_bytes(b"\x7fELF" + bytes(14) + struct.pack("<H", machine) + bytes(4076))
        stubs += ["--stub", name]
    lines = ["LABEL vendor=example line=7", "COPY files/ files/", f"IMAGE --from=oci:images {small_base.IMAGES['kube-apiserver']}",
             f"IMAGE --from=oci:images {INDEX_IMAGE}", "FILE files/motd /etc/motd", "FILE --role=worker --mode=0750 files/hello.sh /usr/local/bin/hello",
             "CNI net local://hello", "APP hello local://hello", "APP shop local://chart NEEDS hello net", 'LAUNCH ["net", "shop"]']
    _pack(packer, folder, lines, "-t", "sample:1.2", "-o", "sample.run", "--platform", "linux/amd64", "--platform", "linux/arm64", *stubs, *small_base.empty_helm(folder))
    return folder / "sample.run"


@pytest.fixture
def run(artifact, tmp_path):
    """Runs the artifact with arguments through pipes, with its own home."""
    def call(*arguments, program=None, env=None, stdin=subprocess.DEVNULL, timeout=60, cwd=tmp_path):
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TERM": "xterm", **(env or {})}
        return subprocess.run([program or artifact, *map(str, arguments)], stdin=stdin, capture_output=True, text=True,
                              env=environment, timeout=timeout, cwd=cwd)
    return call


@pytest.fixture
def run_pty(artifact, tmp_path):
    """Runs the artifact on an 80x24 terminal; `answers` are (what to wait for, what to type)."""
    def call(*arguments, env=None, answers=(), timeout=30):
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TERM": "xterm", **(env or {})}
        return at_terminal([str(artifact), *map(str, arguments)], environment, tmp_path, answers, timeout)
    return call


@pytest.fixture
def copy_of(artifact, tmp_path):
    def make(name="copy.run"):
        path = tmp_path / name
        shutil.copy(artifact, path)
        return path
    return make


def golden(name, text):
    """Compares with tests/golden/<name>; SEALIFT_ACCEPT=1 writes it instead."""
    path = ROOT / "tests" / "golden" / name
    if os.environ.get("SEALIFT_ACCEPT") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.is_file(), f"{path} is missing; SEALIFT_ACCEPT=1 writes it"
    if text != path.read_text():
        diff = difflib.unified_diff(path.read_text().splitlines(), text.splitlines(), f"tests/golden/{name}", "what it says now", lineterm="")
        pytest.fail("\n".join(["not as it was; if that is wanted: SEALIFT_ACCEPT=1", *diff]), pytrace=False)
