# SPDX-License-Identifier: Apache-2.0
"""What an artifact says and does without any host."""
import hashlib
import json
import os
import pathlib
import subprocess

import pytest

import small_base
from conftest import golden

PAYLOAD = 16 << 20


@pytest.mark.parametrize("command", ["", "apply", "plan", "status", "kubeconfig", "config", "verify", "list", "extract", "info"])
def test_help_pages(run, artifact, command):
    done = run(*([command] if command else []), "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    text = done.stdout.replace(str(artifact), "delivery.run")
    assert all(len(line) <= 100 for line in text.splitlines())
    golden(f"help/{command or 'main'}.txt", text)


def test_without_arguments_it_says_what_to_do(run, artifact):
    done = run()
    assert done.returncode == 2
    assert "config init" in done.stdout and "--info" in done.stdout
    golden("help/first.txt", done.stdout.replace(str(artifact), "delivery.run"))


def test_version_needs_no_payload(run, stub):
    done = run("--version", program=stub)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("sealift ")


def test_licenses(run):
    done = run("--licenses")
    assert done.returncode == 0
    assert "Apache License" in done.stdout
    assert "libssh" in done.stdout


@pytest.mark.parametrize("spelling", ["info", "--info"])
def test_info(run, spelling):
    done = run(spelling)
    assert done.returncode == 0
    assert done.stdout.startswith("shop 3.4\n")
    assert "apps        hello" in done.stdout


def test_info_as_json(run):
    info = json.loads(run("info", "--log-format", "json").stdout)
    assert info["name"] == "shop"
    assert info["apps"] == ["hello"]
    assert info["kubernetes"] == "v1.34.4"
    assert len(info["identity"]) == 71


@pytest.mark.parametrize("spelling", ["list", "--list"])
def test_list(run, spelling):
    done = run(spelling)
    assert done.returncode == 0
    assert "files/motd" in done.stdout
    assert json.loads(run("list", "--log-format", "json").stdout)["name"] == "shop"


def test_verify_sound(run):
    done = run("verify")
    assert done.returncode == 0, done.stderr
    assert "sound" in done.stdout
    assert run("--check").returncode == 0


def test_verify_finds_every_damaged_byte_of_a_sample(run, copy_of):
    path = copy_of()
    size = path.stat().st_size
    with open(path, "r+b") as file:
        for offset in [PAYLOAD, PAYLOAD + 200, PAYLOAD + (size - PAYLOAD) // 2, size - 1, 4096]:
            file.seek(offset)
            byte = file.read(1)
            file.seek(offset)
            file.write(bytes([byte[0] ^ 1]))
            file.flush()
            program = path if offset >= PAYLOAD else None
            done = run("verify", "--payload", path)
            assert done.returncode == 5, (offset, done.stdout, done.stderr)
            assert done.stderr.startswith("error: "), offset
            file.seek(offset)
            file.write(byte)
            file.flush()
    assert run("verify", program=path).returncode == 0


def test_cut_off_anywhere_is_refused(run, copy_of):
    path = copy_of()
    size = path.stat().st_size
    for cut in [size - 1, size - 100, PAYLOAD + 1000, PAYLOAD]:
        os.truncate(path, cut)
        done = run("--info", program=path)
        assert done.returncode == 5
        assert done.stdout == ""


def test_head_alone_works_with_the_payload_named(run, copy_of, artifact):
    path = copy_of("head")
    os.truncate(path, PAYLOAD)
    done = run("--payload", artifact, "--info", program=path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == run("--info").stdout
    assert "--payload FILE" in run("--info", program=path).stderr


def test_foreign_file_as_payload(run):
    done = run("--info", "--payload", "/bin/sh")
    assert done.returncode == 5
    assert "/bin/sh" in done.stderr
    assert run("--info", "--payload", "/nowhere").returncode == 7


def test_extract_everything_and_compare(run, artifact, tmp_path):
    done = run("extract", "--to", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    source = artifact.parent / "files"
    assert (tmp_path / "out/files/files/motd").read_text() == "welcome\n"
    assert (tmp_path / "out/files/files/large.bin").read_bytes() == (source / "large.bin").read_bytes()
    again = run("extract", "--to", tmp_path / "out")
    assert again.returncode == 7
    assert "--overwrite" in again.stderr
    assert run("extract", "--to", tmp_path / "out", "--overwrite").returncode == 0


def test_extract_an_image_as_it_was_packed(run, artifact, tmp_path):
    name = small_base.IMAGES["etcd"]
    done = run("extract", "--to", tmp_path / "out", "--image", name)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "out/files").exists()
    layout = tmp_path / "out/images"
    index = json.loads((layout / "index.json").read_text())
    assert [m["annotations"]["org.opencontainers.image.ref.name"] for m in index["manifests"]] == [name]
    blobs = list((layout / "blobs/sha256").iterdir())
    assert len(blobs) == 3
    for blob in blobs:
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
        assert blob.read_bytes() == (artifact.parent / "images/blobs/sha256" / blob.name).read_bytes()


def test_extract_one_file(run, tmp_path):
    assert run("extract", "-C", tmp_path / "out", "files/motd").returncode == 0
    assert [str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()] == ["files/files/motd"]
    assert run("extract", "-C", tmp_path / "x", "files/nothing").returncode == 13
    assert run("extract", "-C", tmp_path / "x", "--image", "no/such:1").returncode == 13
    assert not (tmp_path / "x").exists()
    assert run("extract", "-C", tmp_path / "x", "../etc").returncode == 3


def test_extract_does_not_leave_the_folder(run, tmp_path):
    (tmp_path / "out/files").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "out/files/files").symlink_to(tmp_path / "outside")
    done = run("extract", "--to", tmp_path / "out", "files/motd")
    assert done.returncode == 7
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("arguments", [["statsu"], ["--nonsense"], ["apply"], ["plan", "--offline"], ["extract"], ["list", "x"],
                                       ["--log-format", "xml", "info"], ["-v"], ["config", "show"], ["--dry-run"]])
def test_wrong_lines_are_usage(run, arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_nothing_is_garbled_in_a_pipe(run):
    for arguments in (["--info"], ["--list"], ["verify"], ["--help"], []):
        done = run(*arguments)
        assert "\033" not in done.stdout + done.stderr
        assert "\r" not in done.stdout + done.stderr


def test_a_closed_pipe_is_no_crash(artifact):
    done = subprocess.run(["/bin/sh", "-c", f"'{artifact}' --licenses | head -c 10; '{artifact}' --info >&-; echo $?"], capture_output=True, text=True)
    assert done.stdout.endswith("0\n")
    assert "dumped" not in done.stderr


def test_starting_costs_little(artifact):
    """Start is free: what --info reads and how long it takes do not depend on the payload (the bar is measured in tests/bench)."""
    trace = subprocess.run(["strace", "-f", "-e", "trace=read,pread64,openat,open", artifact, "--info"], capture_output=True, text=True) \
        if pathlib.Path("/usr/bin/strace").exists() else None
    if trace is None:
        pytest.skip("no strace")
    read = sum(int(line.rsplit("= ", 1)[1].split()[0]) for line in trace.stderr.splitlines()
               if ("read(" in line or "pread64(" in line) and line.rsplit("= ", 1)[-1].split()[0].isdigit())
    assert 0 < read < 4 << 20


def test_raised_rights_are_refused(copy_of):
    path = copy_of()
    if os.geteuid() != 0:
        pytest.skip("needs root to make a setuid file")
    os.chown(path, 65534, 65534)
    os.chmod(path, 0o6755)
    os.chmod(path.parent, 0o755)
    mounted_nosuid = subprocess.run(["findmnt", "-no", "OPTIONS", "-T", path], capture_output=True, text=True).stdout
    if "nosuid" in mounted_nosuid:
        pytest.skip("nosuid")
    done = subprocess.run([path, "--info"], capture_output=True, text=True)
    assert done.returncode == 7
    assert "raised rights" in done.stderr
