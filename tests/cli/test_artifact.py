# SPDX-License-Identifier: Apache-2.0
"""What an artifact reports and does without any host."""
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess

import pytest

import payload_layout
import small_base
from conftest import INDEX_IMAGE, golden, needs

PAYLOAD = payload_layout.PAYLOAD


@pytest.mark.parametrize("command", ["", "apply", "plan", "status", "check", "report", "history", "kubeconfig", "remove", "rollback", "config", "registry",
                                     "verify", "list", "extract", "info"])
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


@pytest.fixture
def show(run, sample, stub):
    """A command's output for the sample."""
    def call(*arguments):
        done = run("--payload", sample, *arguments, program=stub)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout
    return call


def identity(path):
    """The hash of the metadata (payload/FORMAT.md, section 3)."""
    metadata = payload_layout.read(path).metadata
    with open(path, "rb") as file:
        file.seek(PAYLOAD + metadata.start)
        return "sha256:" + hashlib.sha256(file.read(len(metadata))).hexdigest()


@pytest.mark.parametrize("spelling", ["info", "--info"])
def test_info(show, sample, packer, spelling):
    made_by = subprocess.run([packer, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    text = show(spelling)
    for value, place in ((identity(sample), "IDENTITY"), (made_by, "sealift VERSION")):
        assert text.count(value) == 1
        text = text.replace(value, place)
    golden("cli/info.txt", text)


def test_info_as_json(run, artifact):
    info = json.loads(run("info", "--log-format", "json").stdout)
    assert info["name"] == "shop"
    assert info["apps"] == ["hello"]
    assert info["kubernetes"] == "v1.34.4"
    assert info["identity"] == identity(artifact)


@pytest.mark.parametrize("spelling", ["list", "--list"])
def test_list(show, spelling):
    golden("cli/list.txt", show(spelling))


def test_list_as_json(run):
    assert json.loads(run("list", "--log-format", "json").stdout)["name"] == "shop"


def test_verify_sound(run):
    done = run("verify")
    assert done.returncode == 0, done.stderr
    assert "sound" in done.stdout
    assert run("--check").returncode == 0


@pytest.fixture
def damaged(run, copy_of):
    """Flips one bit in a copy, calls verify on it with the intact program, and restores the byte."""
    path = copy_of("damaged.run")

    def call(offset, *arguments):
        with open(path, "r+b") as file:
            file.seek(offset)
            byte = file.read(1)
            file.seek(offset)
            file.write(bytes([byte[0] ^ 1]))
            file.flush()
            done = run("verify", "--payload", path, *arguments)
            file.seek(offset)
            file.write(byte)
        assert done.returncode == 5, (offset, done.stdout, done.stderr)
        return done.stdout.splitlines(), done.stderr
    call.path = path
    return call


def titles(run):
    """verify's name for each object: digest → words."""
    contents = json.loads(run("list", "--log-format", "json").stdout)
    out = {}

    def name(reference, title):
        out.setdefault(reference["digest"].removeprefix("sha256:"), title)
    for stub in contents["stubs"]:
        name(stub["object"], f"the program for linux/{stub['architecture']}")
    for path, file in sorted(contents["tree"].items()):
        name(file["object"], f"file {path}")
    for image in contents["images"]:
        name(image["root"], f"index or manifest of image {image['name']}")
        for platform in image["platforms"]:
            name(platform["manifest"], f"manifest or config of image {image['name']}")
            name(platform["config"], f"manifest or config of image {image['name']}")
            for layer in platform["layers"]:
                name(layer, f"a layer of image {image['name']}")
    return out


def test_verify_names_the_object_and_the_place_of_damage_in_every_frame(run, damaged):
    layout = payload_layout.read(damaged.path)
    known = titles(run)
    assert len(layout.frames) >= 5 and {digest for frame in layout.frames for digest in frame.objects} <= set(known)
    for frame in layout.frames:
        title = known[frame.objects[0]] + (f" and {len(frame.objects) - 1} more" if len(frame.objects) > 1 else "")
        for at in {frame.offset, frame.offset + frame.size // 2, frame.offset + frame.size - 1}:
            out, error = damaged(PAYLOAD + at)
            assert out == [f"damaged: {title} at offset {frame.offset}: these {frame.size} bytes do not match their hash"]
            assert error == f"error: {damaged.path}: 1 damaged place; copy the file again from where it came\n"
    found, _ = damaged(PAYLOAD + layout.frames[-1].offset, "--log-format", "json")
    assert json.loads(found[0])["where"] == title and json.loads(found[0])["offset"] == layout.frames[-1].offset
    assert run("verify", program=damaged.path).returncode == 0


def test_verify_names_damage_outside_the_frames(run, damaged, stub):
    layout = payload_layout.read(damaged.path)
    for at in (0, 4096, stub.stat().st_size - 1):
        assert damaged(at)[0] == ["damaged: head at offset 0: the program at the file's head is none of those that the payload holds"]
    for at in (stub.stat().st_size, PAYLOAD - 1):
        assert damaged(at)[0] == [f"damaged: head at offset 0: the padding is not zero at file offset {at}"]
    assert damaged(PAYLOAD)[0] == ["damaged: header at offset 0: the header does not begin with its magic"]
    for at in (12, 16, 24, 63):
        assert damaged(PAYLOAD + at)[0] == ["damaged: header at offset 0: the header is damaged: its checksum does not match"]
    gaps = list(layout.padding())
    assert gaps, "this artifact has an object that is served in place, and padding before it"
    for gap in gaps:
        for at in {gap.start, gap.stop - 1}:
            assert damaged(PAYLOAD + at)[0] == [f"damaged: padding at offset {gap.start}: the padding is not zero at file offset {PAYLOAD + at}"]
    metadata = layout.metadata
    for at in (metadata.start, metadata.start + 40, metadata.start + len(metadata) // 2, metadata.stop - 1):
        out, error = damaged(PAYLOAD + at)
        assert out == []
        assert error == (f"error: the file is damaged: its metadata at payload offset {metadata.start} ({len(metadata)} bytes) does not match its hash; copy it again "
                         f"(while opening {damaged.path})\n")
    for at in (1, 30, 70, 127):
        out, error = damaged(PAYLOAD + layout.size - payload_layout.TRAILER + at)
        assert out == []
        assert error == f"error: the trailer is damaged: its checksum does not match (while opening {damaged.path})\n"


def test_verify_lists_every_damaged_place(run, copy_of):
    path = copy_of()
    layout = payload_layout.read(path)
    with open(path, "r+b") as file:
        for frame in layout.frames:
            file.seek(PAYLOAD + frame.offset)
            byte = file.read(1)
            file.seek(PAYLOAD + frame.offset)
            file.write(bytes([byte[0] ^ 0x80]))
    done = run("verify", "--payload", path)
    assert done.returncode == 5
    offsets = [int(re.search(r" at offset (\d+): these \d+ bytes do not match", line).group(1)) for line in done.stdout.splitlines()]
    assert offsets == [frame.offset for frame in layout.frames]
    assert f"{len(offsets)} damaged places" in done.stderr


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


def modes(folder):
    return {path.name: f"{stat.S_IMODE(path.stat().st_mode):04o}" for path in folder.iterdir()}


def test_extract_everything_and_compare(run, artifact, tmp_path):
    done = run("extract", "--to", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    source = artifact.parent / "files"
    assert (tmp_path / "out/files/files/motd").read_text() == "welcome\n"
    assert (tmp_path / "out/files/files/large.bin").read_bytes() == (source / "large.bin").read_bytes()
    assert modes(tmp_path / "out/files/files") == {"hello.sh": "0755", "large.bin": "0644", "motd": "0644"}
    assert set(modes(tmp_path / "out/images/blobs/sha256").values()) == {"0644"}
    again = run("extract", "--to", tmp_path / "out")
    assert again.returncode == 7
    assert "--overwrite" in again.stderr
    (tmp_path / "out/files/files/hello.sh").chmod(0o600)
    assert run("extract", "--to", tmp_path / "out", "--overwrite").returncode == 0
    assert modes(tmp_path / "out/files/files")["hello.sh"] == "0755"


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


def packed_of(layout, name, architectures):
    """What an artifact for these platforms holds of an image with an index: the index's descriptor, and hex digest → bytes."""
    def read(descriptor):
        return (layout / "blobs/sha256" / descriptor["digest"].removeprefix("sha256:")).read_bytes()
    root = next(entry for entry in json.loads((layout / "index.json").read_text())["manifests"] if name in entry["annotations"].values())
    parts = [root]
    for manifest in json.loads(read(root))["manifests"]:
        if manifest["platform"]["architecture"] in architectures:
            parts += [manifest, json.loads(read(manifest))["config"], *json.loads(read(manifest))["layers"]]
    assert len(parts) == 1 + 3 * len(architectures)
    return root, {part["digest"].removeprefix("sha256:"): read(part) for part in parts}


@pytest.mark.parametrize("made, architectures", [("artifact", ["amd64"]), ("sample", ["amd64", "arm64"])])
def test_extract_of_an_index_what_was_packed_and_nothing_else(run, stub, tmp_path, request, made, architectures):
    path = request.getfixturevalue(made)
    root, expected = packed_of(path.parent / "images", INDEX_IMAGE, architectures)
    done = run("extract", "--payload", path, "--to", tmp_path / "out", "--image", INDEX_IMAGE, program=stub)
    assert done.returncode == 0, done.stderr
    layout = tmp_path / "out/images"
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    assert [entry[key] for key in ("mediaType", "digest", "size")] == [root[key] for key in ("mediaType", "digest", "size")]
    blobs = {blob.name: blob.read_bytes() for blob in (layout / "blobs/sha256").iterdir()}
    assert sorted(blobs) == sorted(expected)
    assert blobs == expected
    assert all(hashlib.sha256(data).hexdigest() == name for name, data in blobs.items())


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
        assert done.returncode == (0 if arguments else 2)
        assert len(done.stdout) > 10 and done.stderr == "", arguments
        assert "\033" not in done.stdout + done.stderr
        assert "\r" not in done.stdout + done.stderr


def test_a_closed_pipe_is_no_crash(artifact):
    done = subprocess.run(["/bin/sh", "-c", f"'{artifact}' --licenses | head -c 10; '{artifact}' --info >&-; echo $?"], capture_output=True, text=True)
    assert done.stdout.endswith("0\n")
    assert "dumped" not in done.stderr


def test_starting_costs_little(artifact):
    """Starting is free: the bytes read and the time of --info do not depend on the payload (the bar is measured in tests/bench)."""
    needs(shutil.which("strace"), "strace")
    calls = "read,pread64,readv,preadv,preadv2,mmap,sendfile,copy_file_range,splice"
    trace = subprocess.run(["strace", "-f", "-e", f"trace={calls}", artifact, "--info"], capture_output=True, text=True)
    assert trace.returncode == 0, trace.stderr
    lines = trace.stderr.splitlines()
    read = sum(int(line.rsplit("= ", 1)[1].split()[0]) for line in lines
               if "mmap(" not in line and line.rsplit("= ", 1)[-1].split()[0].isdigit())
    assert 0 < read < 4 << 20
    # No file is mapped either: its pages would be read unseen.
    assert [line for line in lines if "mmap(" in line and "MAP_ANONYMOUS" not in line] == []


def test_raised_rights_are_refused(copy_of):
    path = copy_of()
    needs(os.geteuid() == 0, "root, to make a setuid file")
    os.chown(path, 65534, 65534)
    os.chmod(path, 0o6755)
    os.chmod(path.parent, 0o755)
    mounted_nosuid = subprocess.run(["findmnt", "-no", "OPTIONS", "-T", path], capture_output=True, text=True).stdout
    needs("nosuid" not in mounted_nosuid, "a folder for temporary files that is mounted without nosuid")
    done = subprocess.run([path, "--info"], capture_output=True, text=True)
    assert done.returncode == 7
    assert "raised rights" in done.stderr


FULL = "error: standard output is not complete: write: No space left on device; send it to where there is room and start the same command again\n"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["--licenses"], ["config", "init"], ["--info"], ["info", "--log-format", "json"], ["list"],
                                       ["list", "--log-format", "json"], ["verify"], ["verify", "--log-format", "json"], ["extract", "--to", "out"]])
def test_output_that_can_not_be_written_is_an_error(artifact, tmp_path, arguments):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([artifact, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stderr) == (7, FULL)


def test_what_is_to_be_done_is_an_error_too_if_it_can_not_be_written(artifact):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([artifact], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (7, FULL)
