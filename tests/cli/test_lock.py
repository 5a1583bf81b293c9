# SPDX-License-Identifier: Apache-2.0
"""Files and charts from an HTTPS server, and the lock that pins them: `sealift build`, `build --locked`, `lock`, `inspect --lock`."""
import hashlib
import io
import subprocess
import tarfile

import pytest

import small_base
from file_server import Files
from registry_server import Certificates, Registry, push

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: erp}\nspec: {containers: [{name: c, image: IMAGE}]}\n"


def packed_chart(name, version):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        data = f"apiVersion: v2\nname: {name}\nversion: {version}\n".encode()
        entry = tarfile.TarInfo(f"{name}/Chart.yaml")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def place(tmp_path, packer, stub):
    """A context whose chart, tool and image all come from elsewhere."""
    certificates = Certificates(tmp_path)
    files = Files(certificates)
    context = tmp_path / "context"
    context.mkdir()
    small_base.make_layout(context / "images")
    small_base.add_image(context / "images", "docker.io/library/erp:1", b"first")
    registry = Registry(tmp_path, tmp_path / "store")
    push(context / "images", registry.name)
    (context / "tools").mkdir()
    (context / "tools" / "helm").write_text(f"#!/bin/sh\ncat <<'END'\n---\n# Source: erp/templates/pod.yaml\n{POD.replace('IMAGE', registry.name + '/library/erp:1')}END\n")
    (context / "tools" / "helm").chmod(0o755)
    archive = packed_chart("erp", "1.2.3")
    digest = hashlib.sha256(archive).hexdigest()
    files.files = {"/charts/index.yaml": f"apiVersion: v1\nentries:\n  erp:\n  - version: 1.2.3\n    digest: {digest}\n    urls: [old/erp.tgz]\n".encode(),
                   "/charts/old/erp.tgz": archive, "/tool": b"the tool"}

    class Place:
        def __init__(self):
            self.files, self.context, self.registry, self.lock = files, context, registry, context / "Kubefile.lock"
            self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home"), "SSL_CERT_FILE": str(certificates.authority)}
            self.write(f"ADD {files.url}/old/tool bin/")

        def write(self, *lines):
            (context / "Kubefile").write_text("\n".join(["FROM scratch", *lines, f"APP erp repo:{files.url}/charts/erp@1.2.3"]) + "\n")

        def sealift(self, *arguments, **environment):
            return subprocess.run([packer, *map(str, arguments)], capture_output=True, text=True, cwd=context, timeout=120, env=self.environment | environment)

        def build(self, *options, name="out.run", **environment):
            return self.sealift("build", "-o", name, "--platform", "linux/amd64", "--stub", stub, "--tools", "tools", "--kubernetes-version", "v1.34.4", *options, **environment)

        def locked(self, *options):
            return self.sealift("lock", "--platform", "linux/amd64", "--stub", stub, "--tools", "tools", "--kubernetes-version", "v1.34.4", *options)

    yield Place()
    registry.stop()
    files.stop()


def good(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_build_from_other_machines_is_repeated_by_its_lock(place):
    good(place.build())
    lock = place.lock.read_text()
    for part in (f"{place.files.url}/old/tool", f"repo:{place.files.url}/charts/erp@1.2.3", f"{place.registry.name}/library/erp:1", "linux/amd64: sha256:"):
        assert part in lock
    # the artifact carries it
    assert good(place.sealift("inspect", "--lock", "out.run")) == lock
    # nothing that is locked is fetched again, and the same bytes are made, also from an empty cache
    asked = len(place.files.asked)
    good(place.build("--locked", name="again.run"))
    assert len(place.files.asked) == asked
    good(place.build("--locked", name="fresh.run", SEALIFT_CACHE=str(place.context / "cache")))
    assert len(place.files.asked) > asked
    made = [(place.context / name).read_bytes() for name in ("out.run", "again.run", "fresh.run")]
    assert made[0] == made[1] == made[2]
    assert place.lock.read_text() == lock


def test_images_need_no_network_when_charts_are_locked_and_here(place):
    good(place.build())
    place.files.stop()
    done = place.sealift("images", "--tools", "tools", "--kubernetes-version", "v1.34.4", "--platform", "linux/amd64")
    assert good(done) == f"{place.registry.name}/library/erp:1\n"


def test_locked_names_every_difference_and_has_an_exit_code(place):
    done = place.build("--locked")
    assert done.returncode == 3 and "Kubefile.lock is not there" in done.stderr
    good(place.build())
    lock = place.lock.read_text()
    place.files.files["/other"] = b"other"
    place.write(f"ADD {place.files.url}/other bin/")
    (place.context / "out.run").unlink()
    done = place.build("--locked")
    assert done.returncode == 3
    assert f"ADD {place.files.url}/old/tool: " in done.stderr and "(gone)" in done.stderr
    assert f"ADD {place.files.url}/other: " in done.stderr and "(new)" in done.stderr
    assert not (place.context / "out.run").exists() and place.lock.read_text() == lock
    # a build takes the new line and forgets the old one
    good(place.build())
    assert "/old/tool" not in place.lock.read_text() and f"{place.files.url}/other" in place.lock.read_text()


def test_lock_writes_without_packing_and_moves_what_is_named(place):
    printed = good(place.locked())
    assert printed.count("(new)") == 3 and not (place.context / "out.run").exists()
    assert good(place.locked()) == ""
    lock = place.lock.read_text()
    # a tag moves: locked builds stay, until somebody says so
    small_base.make_layout(place.context / "moved")
    small_base.add_image(place.context / "moved", "docker.io/library/erp:1", b"second")
    push(place.context / "moved", place.registry.name)
    good(place.build("--locked"))
    assert good(place.locked()) == "" and place.lock.read_text() == lock
    printed = good(place.locked("--update", f"{place.registry.name}/library/erp:1"))
    assert printed.startswith(f"IMAGE {place.registry.name}/library/erp:1: sha256:") and " → sha256:" in printed
    assert place.lock.read_text() != lock
    # a URL that gives something else is refused, with the remedy
    place.files.files["/tool"] = b"another tool"
    done = place.build(SEALIFT_CACHE=str(place.context / "cache"))
    assert done.returncode == 5 and "sealift lock --update" in done.stderr
    assert good(place.locked("--update")).startswith("ADD ")
    done = place.locked("--update", "nothing")
    assert done.returncode == 7 and "no entry" in done.stderr


def test_a_checksum_that_does_not_fit_and_an_untrusted_server_are_told_apart(place):
    place.write(f"ADD --checksum=sha256:{'0' * 64} {place.files.url}/tool bin/")
    done = place.build()
    assert done.returncode == 5 and "Kubefile:2:" in done.stderr and hashlib.sha256(b"the tool").hexdigest() in done.stderr
    place.write(f"ADD {place.files.url}/tool bin/")
    assert place.build(SSL_CERT_FILE="/etc/ssl/certs/ca-certificates.crt").returncode == 6
    assert not place.lock.exists()


def test_an_artifact_without_a_lock_says_so(place):
    (place.context / "Kubefile").write_text("FROM scratch\nLABEL a=b\n")
    good(place.build())
    done = place.sealift("inspect", "--lock", "out.run")
    assert done.returncode == 13 and "carries no lock" in done.stderr and not place.lock.exists()
