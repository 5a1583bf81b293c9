# SPDX-License-Identifier: Apache-2.0
"""Artifacts through the real distribution registry: push, pull, FROM, logins, broken lines, registries that lie."""
import base64
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

import small_base
from conftest import needs
from cutting_proxy import CuttingProxy
from own_disk import OwnDisk
from registry_server import Certificates, Registry, TokenServer
from relay import Relay

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
USER, PASSWORD, IDENTITY_TOKEN = "ann", "s3cret", "1dentity-t0ken"
# bcrypt of PASSWORD
HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n"


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


class User:
    """Somebody with a home and a local store of his own."""
    def __init__(self, folder, packer, stub):
        self.folder, self.packer, self.stub = folder, packer, stub
        folder.mkdir(exist_ok=True)
        self.store = folder / "data/sealift/store"
        self.enter = []  # what commands begin with
        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder), "XDG_DATA_HOME": str(folder / "data")}
        (folder / "context").mkdir(exist_ok=True)

    def run(self, *arguments, code=0, given=None):
        done = subprocess.run([*self.enter, self.packer, *map(str, arguments)], capture_output=True, text=True, cwd=self.folder, env=self.environment, timeout=120, input=given)
        assert done.returncode == code, f"{done.returncode}\n{done.stderr}{done.stdout}"
        return done.stdout if code == 0 else done.stderr

    def build(self, lines, *arguments, code=0):
        (self.folder / "context/Kubefile").write_text("\n".join(lines) + "\n")
        return self.run("build", "-f", "context/Kubefile", "--platform", "linux/amd64", "--stub", self.stub, *arguments, "context", code=code)


def write_product(user, seed, extra=()):
    """Sources of about 12 MB: what is compressed by its own, shared frames, and what is stored as it is."""
    files = user.folder / "context/files"
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir()
    rng = random.Random(1)
    for number in range(400):
        (files / f"{number}.txt").write_bytes(rng.randbytes(6000).hex().encode())
    (files / "large.bin").write_bytes(b"\x1f\x8b" + rng.randbytes(5_000_000))
    (files / "text.txt").write_bytes(rng.randbytes(3_000_000).hex().encode())
    (files / "own.bin").write_bytes(b"\x1f\x8b" + random.Random(seed).randbytes(1_500_000))
    for name, data in extra:
        (files / name).write_bytes(data)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registry")
    running = Registry(folder, folder / "store")
    yield running
    running.stop()


@pytest.fixture
def user(tmp_path, packer, stub):
    return User(tmp_path / "ann", packer, stub)


@pytest.fixture
def other(tmp_path, packer, stub):
    return User(tmp_path / "bob", packer, stub)


@pytest.fixture
def repository(registry, request):
    return f"{registry.name}/{re.sub('[^a-z0-9]+', '-', request.node.name.lower()).strip('-')}"


def test_pulled_is_what_was_pushed(user, other, repository):
    write_product(user, 1)
    user.build(["FROM scratch", "COPY files files"], "-t", "erp:1.0", "-o", "erp.run")
    said = user.run("push", "erp.run", f"{repository}/erp:1.0")
    assert re.match(rf"{re.escape(repository)}/erp:1.0: .* in (\d+) blobs, .* in \1 of them new; sha256:", said), said
    said = other.run("pull", f"{repository}/erp:1.0", "-o", "pulled.run")
    assert "identity" in said
    assert sha256(other.folder / "pulled.run") == sha256(user.folder / "erp.run")
    assert (other.folder / "pulled.run").stat().st_mode & 0o777 == 0o755
    assert not list(other.folder.glob("*.partial*"))
    # into the store, under its full name, and from there
    other.run("pull", f"{repository}/erp:1.0")
    other.run("save", f"{repository}/erp:1.0", "-o", "saved.run")
    assert sha256(other.folder / "saved.run") == sha256(user.folder / "erp.run")
    assert "is in the local store already" in subprocess.run([other.packer, "pull", f"{repository}/erp:1.0"], capture_output=True, text=True, env=other.environment,
                                                              cwd=other.folder).stderr
    # a second push sends nothing
    assert ", 0 B in 0 of them new" in user.run("push", "erp.run", f"{repository}/erp:1.0")
    assert user.run("search", f"{repository}/erp") == f"{repository}/erp:1.0\n"
    assert f"{repository}/erp\n" in user.run("search", repository.partition("/")[0])


def test_a_second_version_brings_only_what_is_new(user, other, repository, registry):
    write_product(user, 1)
    user.build(["FROM scratch", "COPY files files"], "-t", "erp:1.0")
    user.run("tag", "erp:1.0", f"{repository}/erp:1.0")
    user.run("push", f"{repository}/erp:1.0")
    new = random.Random(7).randbytes(3_000_000)
    write_product(user, 2, [("new.bin", b"\x1f\x8b" + new), ("a-note.txt", b"new in 2.0\n")])
    user.build(["FROM scratch", "COPY files files"], "-t", "erp:2.0")
    lacks = json.loads(user.run("diff", "erp:1.0", "erp:2.0", "--json"))["neededBytes"]
    proxy = CuttingProxy(registry.name)
    said = user.run("push", "erp:2.0", f"{repository}/erp:2.0".replace(registry.name, proxy.name))
    sent, blobs = proxy.up, re.search(r"in (\d+) of them new", said).group(1)
    # besides frames that are new: the metadata, and frames that share a blob with a new one
    assert 4_500_000 < sent < 1.05 * lacks + 2_500_000, (sent, lacks, blobs)
    # who has the first version fetches only what is new
    other.run("pull", f"{repository}/erp:1.0")
    before = proxy.down
    other.run("pull", f"{repository}/erp:2.0".replace(registry.name, proxy.name), "-o", "second.run")
    assert 4_500_000 < proxy.down - before < 1.05 * lacks + 2_500_000
    user.run("save", "erp:2.0", "-o", "second.run")
    assert sha256(other.folder / "second.run") == sha256(user.folder / "second.run")
    proxy.stop()


def test_a_base_comes_from_the_registry(user, other, repository):
    (user.folder / "context/one").write_text("one")
    user.build(["FROM scratch", "COPY one one"], "-t", f"{repository}/base:1.0")
    user.run("push", f"{repository}/base:1.0")
    (other.folder / "context/two").write_text("two")
    other.build([f"FROM {repository}/base:1.0", "COPY two two"], "-t", f"{repository}/pack:1.0")
    tree = other.run("inspect", "--tree", f"{repository}/pack:1.0")
    assert "one" in tree and "two" in tree
    assert f"{repository}/base:1.0" in other.run("artifacts")
    lock = (other.folder / "context/Kubefile.lock").read_text()
    assert "base:1.0" in lock
    # a name that is nowhere says where it was looked for
    said = other.build([f"FROM {repository}/base:9", "COPY two two"], "-t", "pack", code=3)
    assert "Kubefile:1" in said and "base:9" in said and "manifest unknown" in said, said


@pytest.mark.parametrize("where", ["push", "pull"])
def test_a_line_that_breaks_anywhere_is_taken_up_again(user, other, repository, registry, where):
    write_product(user, 3)
    user.build(["FROM scratch", "COPY files files"], "-t", "erp:1.0", "-o", "erp.run")
    rng = random.Random(where)
    # the first requests are small; a blob of 5 MB is cut in its midst again and again
    proxy = CuttingProxy(registry.name, [rng.randrange(100, 3_000) for _ in range(3)] + [rng.randrange(1_000, 2_500_000) for _ in range(9)])
    name = f"{repository}/erp:1.0"
    through = name.replace(registry.name, proxy.name)
    user.run("push", "erp.run", through if where == "push" else name)
    other.run("pull", through if where == "pull" else name, "-o", "erp.run")
    assert sha256(other.folder / "erp.run") == sha256(user.folder / "erp.run")
    assert not proxy.cuts
    proxy.stop()


def test_a_killed_pull_goes_on_where_it_was(user, other, repository, registry):
    write_product(user, 4)
    user.build(["FROM scratch", "COPY files files"], "-t", "erp:1.0", "-o", "erp.run")
    user.run("push", "erp.run", f"{repository}/erp:1.0")
    rng = random.Random(4)
    killed = fetched = 0
    for _ in range(40):
        proxy = CuttingProxy(registry.name)
        process = subprocess.Popen([other.packer, "pull", f"{repository}/erp:1.0".replace(registry.name, proxy.name), "-o", "erp.run"], env=other.environment,
                                   cwd=other.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        limit = rng.randrange(500_000, 4_000_000)
        while process.poll() is None and proxy.down < limit:
            time.sleep(0.001)
        done = process.poll() is not None
        if not done:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait(20)
        fetched += proxy.down
        proxy.stop()
        if done:
            break
        assert not (other.folder / "erp.run").exists()
    assert process.returncode == 0 and killed > 1
    assert sha256(other.folder / "erp.run") == sha256(user.folder / "erp.run")
    assert not list(other.folder.glob("*.partial*"))
    # each kill costs what was in flight: at most four frames and the metadata
    assert fetched < 12_000_000 + killed * 8_000_000, (fetched, killed)


def test_a_registry_that_lies_is_not_believed(user, other, repository, registry):
    write_product(user, 5)
    user.build(["FROM scratch", "COPY files files"], "-t", "erp:1.0", "-o", "erp.run")
    user.run("push", "erp.run", f"{repository}/erp:1.0")
    path = f"/v2/{repository.partition('/')[2]}/erp/manifests/1.0"
    with urllib.request.urlopen(urllib.request.Request(f"http://{registry.name}{path}", headers={"Accept": MANIFEST_TYPE})) as reply:
        manifest = json.loads(reply.read())
    frames = manifest["layers"][1:]
    largest = max(frames, key=lambda layer: layer["size"])

    def manifest_with(change):
        changed = json.loads(json.dumps(manifest))
        change(changed)
        return lambda at, body: json.dumps(changed).encode() if "/manifests/" in at else body

    def swap(changed):
        changed["layers"][1], changed["layers"][2] = changed["layers"][2], changed["layers"][1]

    def drop(changed):
        del changed["layers"][-1]

    def twice(changed):
        changed["layers"].append(changed["layers"][-1])

    def grow(changed):
        changed["layers"][1]["size"] += 1

    def other_type(changed):
        changed["layers"][1]["mediaType"] = "application/vnd.sealift.artifact.holograms.v9"

    def an_image(changed):
        changed["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json"
        del changed["artifactType"]

    def flip(digest):
        return lambda at, body: bytes([body[0] ^ 1]) + body[1:] if digest in at else body

    lies = {
        "a changed frame": (flip(largest["digest"]), 5, "and should be"),
        "changed metadata": (flip(manifest["layers"][0]["digest"]), 5, "other bytes"),
        "a changed configuration": (flip(manifest["config"]["digest"]), 5, "other bytes"),
        "a short blob": (lambda at, body: body[:-1] if largest["digest"] in at else body, 5, "gives"),
        "a long blob": (lambda at, body: body + b"x" if largest["digest"] in at else body, 5, "more than"),
        "swapped blobs": (manifest_with(swap), 5, "does not fit"),
        "a missing blob": (manifest_with(drop), 5, "are to come"),
        "a blob twice": (manifest_with(twice), 5, "named twice"),
        "a wrong size": (manifest_with(grow), 5, "does not fit"),
        "an unknown part": (manifest_with(other_type), 5, "holograms"),
        "an image": (manifest_with(an_image), 3, "container image"),
        "no JSON": (lambda at, body: b"<html>" if "/manifests/" in at else body, 5, ""),
    }
    for lie, (change, code, expected) in lies.items():
        liar = Relay(registry.name, after=change)
        said = other.run("pull", f"{repository}/erp:1.0".replace(registry.name, liar.name), "-o", "erp.run", code=code)
        assert expected in said, (lie, said)
        assert not (other.folder / "erp.run").exists(), lie
        liar.stop()
    # what was right among it is used, the rest is fetched again
    other.run("pull", f"{repository}/erp:1.0", "-o", "erp.run")
    assert sha256(other.folder / "erp.run") == sha256(user.folder / "erp.run")


def test_a_damaged_artifact_is_not_pushed(user, repository):
    write_product(user, 6)
    user.build(["FROM scratch", "COPY files files"], "-t", "erp:1.0", "-o", "erp.run")
    whole = (user.folder / "erp.run").read_bytes()
    for at in (100, (16 << 20) + 1000, len(whole) - 4_000_000):
        changed = bytearray(whole)
        changed[at] ^= 1
        (user.folder / "damaged.run").write_bytes(changed)
        said = user.run("push", "damaged.run", f"{repository}/erp:1.0", code=5)
        assert "damaged.run" in said
    # the name means nothing: what was sent before the damage was found is nobody's
    user.run("pull", f"{repository}/erp:1.0", code=7)


def test_a_quota_that_is_reached_in_the_middle(user, other, repository, registry):
    write_product(user, 7)
    user.build(["FROM scratch", "COPY files files"], "-t", "erp:1.0", "-o", "erp.run")
    puts, allowed = [], 2

    def quota(method, path, body):
        # as Harbor's quota middleware does: when an upload is completed
        if method != "PUT" or "/blobs/" not in path:
            return None
        if len(puts) == allowed:
            return 403, json.dumps({"errors": [{"code": "DENIED", "message": "adding 2.0 MiB of storage resource, which when updated to current usage of 4.5 MiB "
                                                                              "will exceed the configured upper limit of 5.0 MiB."}]}).encode()
        puts.append(path)
        return None

    relay = Relay(registry.name, quota)
    name = f"{repository}/erp:1.0".replace(registry.name, relay.name)
    said = user.run("push", "erp.run", name, code=7)
    assert "will exceed the configured upper limit" in said and "make room there, or have the quota raised" in said
    user.run("pull", f"{repository}/erp:1.0", "-o", "none.run", code=7)  # the name means nothing yet
    allowed = None
    blobs = int(re.search(r" in (\d+) blobs,", user.run("push", "erp.run", name))[1])
    assert len(set(puts)) == len(puts) == blobs + 1  # the configuration; what came in before the quota is not sent again
    relay.stop()
    other.run("pull", f"{repository}/erp:1.0", "-o", "erp.run")
    assert sha256(other.folder / "erp.run") == sha256(user.folder / "erp.run")


def test_a_disk_that_is_full_takes_nothing_half(user, other, repository):
    needs(os.geteuid() == 0, "root")
    write_product(user, 9)
    user.build(["FROM scratch", "COPY files files"], "-t", "erp:1.0", "-o", "erp.run")
    size = (user.folder / "erp.run").stat().st_size
    user.run("push", "erp.run", f"{repository}/erp:1.0")
    disk = OwnDisk(other.folder / "data", 16_500_000)  # takes the frames, but not the program before them
    other.enter = disk.enter

    def nothing_is_there():
        assert json.loads(other.run("artifacts", "--json")) == []
        assert "damaged" not in other.run("store", "check")
        left = [path for path in disk.seen.rglob("*") if path.is_file() and path.stat().st_size > 100_000 and "partial" not in path.name]
        assert not left

    said = other.run("load", user.folder / "erp.run", "-t", "erp:1.0", code=7)
    assert "space" in said, said
    nothing_is_there()
    said = other.run("pull", f"{repository}/erp:1.0", code=7)
    assert "space" in said or "make room" in said, said
    nothing_is_there()
    disk.resize(3 * size)
    other.run("pull", f"{repository}/erp:1.0")
    other.run("save", f"{repository}/erp:1.0", "-o", other.folder / "data/erp.run")
    assert sha256(disk.seen / "erp.run") == sha256(user.folder / "erp.run")
    other.run("load", user.folder / "erp.run", "-t", "erp:1.0")
    assert "damaged" not in other.run("store", "check")
    disk.close()


def test_garbage_collection_beside_a_push(user, other, repository, registry):
    """What no manifest names yet is collected between the last blob and the manifest: it is sent again."""
    write_product(user, 8)
    user.build(["FROM scratch", "COPY files files"], "-t", "erp:1.0", "-o", "erp.run")
    collected = []

    def collect(method, path, body):
        if method == "PUT" and "/manifests/" in path and not collected:
            collected.append(registry.collect_garbage())
        return None

    relay = Relay(registry.name, collect)
    user.run("push", "erp.run", f"{repository}/erp:1.0".replace(registry.name, relay.name))
    relay.stop()
    assert re.search("[1-9][0-9]* blobs? .*eligible for deletion", collected[0]), collected[0]
    other.run("pull", f"{repository}/erp:1.0", "-o", "erp.run")
    assert sha256(other.folder / "erp.run") == sha256(user.folder / "erp.run")
    # collected while it stands, it loses nothing
    registry.collect_garbage()
    (other.folder / "erp.run").unlink()
    other.run("pull", f"{repository}/erp:1.0", "-o", "erp.run")
    assert sha256(other.folder / "erp.run") == sha256(user.folder / "erp.run")


def test_logins(user, tmp_path, packer, stub):
    folder = tmp_path / "registry"
    folder.mkdir()
    certificates = Certificates(folder)
    (folder / "htpasswd").write_text(HTPASSWD)
    tls = {"REGISTRY_HTTP_TLS_CERTIFICATE": str(certificates.certificate), "REGISTRY_HTTP_TLS_KEY": str(certificates.key)}
    by_password = Registry(folder, folder / "store", **tls, REGISTRY_AUTH="htpasswd", REGISTRY_AUTH_HTPASSWD_REALM="test",
                           REGISTRY_AUTH_HTPASSWD_PATH=str(folder / "htpasswd"))
    tokens = TokenServer(folder, certificates, USER, PASSWORD, IDENTITY_TOKEN)
    by_token = Registry(folder, folder / "store", REGISTRY_AUTH="token", REGISTRY_AUTH_TOKEN_REALM=tokens.url, REGISTRY_AUTH_TOKEN_SERVICE="test registry",
                        REGISTRY_AUTH_TOKEN_ISSUER="test", REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE=str(certificates.certificate))
    (user.folder / "context/one").write_text("one")
    user.build(["FROM scratch", "COPY one one"], "-t", "erp:1.0", "-o", "erp.run")
    config = user.folder / ".docker/config.json"
    # of an authority that is not trusted
    (tmp_path / "others").mkdir()
    trusted = user.folder / ".config/containers/certs.d" / by_password.name
    trusted.mkdir(parents=True)
    shutil.copy(Certificates(tmp_path / "others").authority, trusted / "ca.crt")
    assert "no trusted TLS connection" in user.run("login", by_password.name, "-u", USER, "--password-stdin", given=PASSWORD, code=6)
    shutil.copy(certificates.authority, trusted / "ca.crt")
    for registry in (by_password, by_token):
        name = f"{registry.name}/prod/erp:1.0"
        said = user.run("push", "erp.run", name, code=9)
        assert "log" in said and registry.name in said, said
        said = user.run("login", registry.name, "-u", USER, "--password-stdin", given="wrong\n", code=9)
        assert "wrong" not in said and not (config.exists() and registry.name in config.read_text())
        said = user.run("login", f"https://{registry.name}/", "-u", USER, "--password-stdin", given=PASSWORD + "\n")
        assert str(config) in said and PASSWORD not in said
        assert config.stat().st_mode & 0o777 == 0o600
        assert json.loads(config.read_text())["auths"][registry.name]["auth"] == base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        user.run("push", "erp.run", name)
        user.run("pull", name, "-o", "pulled.run")
        assert sha256(user.folder / "pulled.run") == sha256(user.folder / "erp.run")
        assert user.run("search", f"{registry.name}/prod/erp") == name + "\n"
    assert user.run("logout", by_token.name).startswith("the login is removed")
    assert list(json.loads(config.read_text())["auths"]) == [by_password.name]
    assert user.run("logout", by_token.name).startswith("there is no login")
    assert "log" in user.run("pull", f"{by_token.name}/prod/erp:1.0", "-o", "again.run", code=9)
    for registry in (by_password, by_token):
        registry.stop()
    tokens.stop()


def test_one_name_for_two_platforms(user, other, repository):
    (user.folder / "context/one").write_text("one")
    arm = user.folder / "stub-arm64"
    head = bytearray(Path(user.stub).read_bytes())
    head[18] = 183  # the ELF's machine
    arm.write_bytes(head)
    user.build(["FROM scratch", "COPY one one"], "-t", "erp:1.0", "-o", "amd64.run")
    (user.folder / "context/Kubefile").write_text("FROM scratch\nCOPY one one\n")
    user.run("build", "-f", "context/Kubefile", "--platform", "linux/arm64", "--stub", arm, "-t", "erp:1.0", "-o", "arm64.run", "context")
    user.run("push", "amd64.run", f"{repository}/erp:1.0", "--add")
    user.run("push", "arm64.run", f"{repository}/erp:1.0", "--add")
    for platform in ("amd64", "arm64"):
        other.run("pull", f"{repository}/erp:1.0", "--platform", f"linux/{platform}", "-o", "pulled.run")
        assert sha256(other.folder / "pulled.run") == sha256(user.folder / f"{platform}.run")
    # without --add the name means this one only
    user.run("push", "arm64.run", f"{repository}/erp:1.0")
    other.run("pull", f"{repository}/erp:1.0", "-o", "pulled.run")
    assert sha256(other.folder / "pulled.run") == sha256(user.folder / "arm64.run")
    # what was a single one becomes an index
    user.run("push", "amd64.run", f"{repository}/erp:1.0", "--add")
    other.run("pull", f"{repository}/erp:1.0", "--platform", "linux/arm64", "-o", "pulled.run")
    assert sha256(other.folder / "pulled.run") == sha256(user.folder / "arm64.run")


def test_images_go_to_any_registry(user, repository, registry):
    lines = small_base.write(user.folder / "context")
    user.build(["FROM scratch", *lines], "-t", "base:1.0", "-o", "base.run")
    images = json.loads(user.run("inspect", "--json", "base.run"))["images"]
    said = user.run("push", "base.run", "--images", f"{repository}/mirror/").splitlines()
    assert len(said) == len(images)
    for image, line in zip(images, said):
        path = image["name"].partition("/")[2]
        assert line.startswith(f"{repository}/mirror/{path} {image['root']['digest']}"), line
        name, tag = path.rsplit(":", 1)
        url = f"http://{registry.name}/v2/{repository.partition('/')[2]}/mirror/{name}"
        with urllib.request.urlopen(urllib.request.Request(f"{url}/manifests/{tag}", headers={"Accept": image["mediaType"]})) as reply:
            assert "sha256:" + hashlib.sha256(reply.read()).hexdigest() == image["root"]["digest"]
        for layer in image["platforms"][0]["layers"]:
            with urllib.request.urlopen(f"{url}/blobs/{layer['digest']}") as reply:
                assert "sha256:" + hashlib.sha256(reply.read()).hexdigest() == layer["digest"]
    # their registries stay in the names if that is wanted
    scoped = user.run("push", "base.run", "--images", f"{repository}/mirror", "--scoped").splitlines()
    assert scoped[0].startswith(f"{repository}/mirror/{images[0]['name']} ")


def test_wrong_use_says_what_is_right(user, repository):
    (user.folder / "context/one").write_text("one")
    user.build(["FROM scratch", "COPY one one"], "-t", "erp:1.0")
    assert "names no registry" in user.run("push", "erp:1.0", code=2)
    assert "names no registry" in user.run("pull", "erp:1.0", code=2)
    assert "nothing" in user.run("push", "nothing", f"{repository}/x:1", code=7)
    assert "leave the other name" in user.run("push", "erp:1.0", f"{repository}/x:1", "--images", f"{repository}/y", code=2)
    assert "no registry" in user.run("login", "not a host", "-u", "x", "--password-stdin", given="x", code=2)
    assert "no terminal" in subprocess.run([user.packer, "login", "127.0.0.1:1", "-u", "x"], capture_output=True, text=True, env=user.environment, cwd=user.folder,
                                           start_new_session=True, stdin=subprocess.DEVNULL).stderr
