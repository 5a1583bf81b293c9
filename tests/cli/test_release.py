# SPDX-License-Identifier: Apache-2.0
"""What only the release ELFs can show: hardening, and the aarch64 programs under qemu-user."""
import pathlib
import signal
import subprocess

import pytest

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


@pytest.mark.parametrize("arguments", [["--info"], ["verify"]])
def test_aarch64_reads_an_artifact_under_qemu(artifact, arguments):
    program = ROOT / "out/stub-aarch64"
    done = subprocess.run([QEMU, program, "--payload", artifact, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    if arguments == ["--info"]:
        assert "shop 3.4" in done.stdout
