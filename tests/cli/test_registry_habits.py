# SPDX-License-Identifier: Apache-2.0
"""IMAGE lines against registries as in the field: they break off, redirect to other hosts, stand behind proxies, require
certificates or logins from helpers; and Docker Hub, whose host is in no image name."""
import hashlib
import json
import os
import shutil
import subprocess

import pytest

import small_base
from image_server import ImageServer, Proxy
from registry_server import Certificates, openssl

SECRET = "s3cret"
LARGE = 3_000_000  # bytes of the only layer larger than a packet


class Site:
    """A context whose layout has small images and a large one, big/app:1, to be served."""
    def __init__(self, folder, packer, stub):
        self.folder, self.packer, self.stub, self.home = folder, packer, stub, folder / "home"
        self.home.mkdir()
        self.context = folder / "context"
        self.context.mkdir()
        self.layout = self.context / "images"
        small_base.write(self.context)
        self.layer = small_base.add_image(self.layout, "quay.io/big/app:1", os.urandom(LARGE))
        self.running = []

    def serve(self, *arguments, **habits):
        self.running.append(ImageServer(self.layout, *arguments, **habits))
        return self.running[-1]

    def build(self, lines, *options, env=None):
        (self.context / "Kubefile").write_text("\n".join(["FROM scratch", *lines]) + "\n")
        command = [self.packer, "build", "-f", self.context / "Kubefile", "-o", self.folder / "out.run", "--platform", "linux/amd64", "--stub", self.stub, *options, self.context]
        # Ignores this machine's own logins and proxies.
        return subprocess.run(command, capture_output=True, text=True, cwd=self.folder, timeout=240, env={"PATH": "/usr/bin:/bin", "HOME": str(self.home), **(env or {})})

    def packed(self, lines, *options, env=None):
        done = self.build(lines, *options, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(subprocess.run([self.packer, "inspect", "--json", self.folder / "out.run"], capture_output=True, text=True, check=True).stdout)

    def refused(self, lines, code, *options, env=None, keeps=()):
        done = self.build(lines, *options, env=env)
        assert done.returncode == code, done.stdout + done.stderr
        assert SECRET not in done.stdout + done.stderr
        assert sorted(path.name for path in self.folder.iterdir() if path.name.startswith((".sealift", "out.run"))) == sorted(keeps)
        return done.stderr

    def certs(self, server):
        folder = self.home / ".config" / "containers" / "certs.d" / server.name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@pytest.fixture
def site(tmp_path, packer, stub):
    site = Site(tmp_path, packer, stub)
    yield site
    for server in site.running:
        server.stop()


def layers(contents):
    return set(contents["layers"])


def test_a_blob_that_breaks_off_in_the_middle_goes_on_where_it_broke_off(site):
    server = site.serve(cuts=2)
    contents = site.packed([f"IMAGE {server.name}/big/app:1"])
    assert layers(contents) == {site.layer}
    begins = [int(asked.range.removeprefix("bytes=").removesuffix("-")) for asked in server.asked if asked.range]
    assert len(begins) == 2 and LARGE // 3 < begins[0] < begins[1]


def test_a_registry_that_ends_in_the_middle_of_a_blob_ends_the_build_with_its_name(site):
    server = site.serve(cuts=1, ends=True)
    text = site.refused([f"IMAGE {server.name}/big/app:1"], 8, keeps=("out.run.partial", "out.run.partial.blobs"))
    assert server.name in text and "Kubefile:2" in text and "blob" in text
    assert len(server.asked_for("/blobs/")) >= 1


def test_blobs_that_lie_on_another_host_are_fetched_there_without_the_login(site):
    store = site.serve()
    server = site.serve(elsewhere=store.url, login=f"ann:{SECRET}")
    assert f"docker login {server.name}" in site.refused([f"IMAGE {server.name}/big/app:1"], 9)
    (site.home / ".docker").mkdir()
    (site.home / ".docker" / "config.json").write_text(json.dumps({"auths": {server.name: {"username": "ann", "password": SECRET}}}))
    assert layers(site.packed([f"IMAGE {server.name}/big/app:1"])) == {site.layer}
    assert store.asked and not any(asked.authorization for asked in store.asked)
    assert all(asked.authorization for asked in server.asked_for("/blobs/"))


def test_a_login_from_a_credential_helper(site):
    server = site.serve(login=f"ann:{SECRET}")
    programs = site.folder / "programs"
    programs.mkdir()
    (site.home / ".docker").mkdir()
    (site.home / ".docker" / "config.json").write_text(json.dumps({"credHelpers": {server.name: "test"}}))
    lines = [f"IMAGE {server.name}/pause:3.10.1"]
    environment = {"PATH": f"{programs}:/usr/bin:/bin"}
    assert "docker-credential-test" in site.refused(lines, 9, env=environment)
    helper = programs / "docker-credential-test"
    helper.write_text(f"#!/bin/sh\nread -r host; echo \"$1 $host\" > {site.folder}/asked\nprintf '{{\"Username\":\"ann\",\"Secret\":\"{SECRET}\"}}'\n")
    helper.chmod(0o755)
    site.packed(lines, env=environment)
    assert (site.folder / "asked").read_text() == f"get {server.name}\n"
    (site.folder / "out.run").unlink()
    helper.write_text(f"#!/bin/sh\necho {SECRET}; exit 3\n")
    assert "docker-credential-test" in site.refused(lines, 9, env=environment)


@pytest.fixture
def proxy(site):
    proxy = Proxy(site.serve())
    yield proxy
    proxy.stop()


def test_a_registry_behind_a_proxy_is_asked_through_it_and_its_images_keep_their_names(site, proxy):
    name = "registry.example:5000/pause:3.10.1"
    contents = site.packed([f"IMAGE {name}"], "--plain-http", "registry.example:5000", env={"http_proxy": proxy.url})
    assert [image["name"] for image in contents["images"]] == [name]
    assert proxy.asked and all(url.startswith("http://registry.example:5000/v2/pause/") for url in proxy.asked)


def test_a_name_without_a_registry_is_asked_for_at_docker_hub(site, proxy):
    """With TLS: the proxy, which opens no tunnel, sees only the request for one."""
    text = site.refused(["IMAGE redis:7"], 8, env={"https_proxy": proxy.url})
    assert set(proxy.asked) == {"CONNECT registry-1.docker.io:443"}
    assert "https://registry-1.docker.io:443" in text and "docker.io/library/redis:7" in text and "Kubefile:2" in text
    assert "the proxy refuses with 502" in text


def test_the_ways_to_name_what_docker_hub_has(site, proxy):
    names = {"redis:7": "library/redis:7", "docker.io/nginx:1": "library/nginx:1", "index.docker.io/library/alpine:3": "library/alpine:3", "acme/app:1": "acme/app:1"}
    for name in names.values():
        small_base.add_image(site.layout, f"docker.io/{name}", name.encode())
    contents = site.packed([f"IMAGE {name}" for name in names], "--plain-http", "docker.io", env={"http_proxy": proxy.url})
    assert sorted(image["name"] for image in contents["images"]) == sorted(f"docker.io/{name}" for name in names.values())
    manifests = {f"http://registry-1.docker.io/v2/{name.replace(':', '/manifests/')}" for name in names.values()}
    assert manifests <= set(proxy.asked) and all(url.startswith("http://registry-1.docker.io/v2/") for url in proxy.asked)


def test_a_registry_that_wants_a_client_certificate(site):
    certificates = Certificates(site.folder)
    server = site.serve(certificates=certificates, client_authority=certificates.authority)
    shutil.copy(certificates.authority, site.certs(server) / "ca.crt")
    assert server.name in site.refused([f"IMAGE {server.name}/pause:3.10.1"], 8)
    assert not server.asked
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=packer", "-keyout", site.certs(server) / "client.key", "-out", site.folder / "client.csr")
    openssl("x509", "-req", "-days", "2", "-in", site.folder / "client.csr", "-CA", certificates.authority, "-CAkey", site.folder / "ca.key", "-CAcreateserial", "-out", site.certs(server) / "client.cert")
    site.packed([f"IMAGE {server.name}/pause:3.10.1"])
    assert server.asked


def test_a_redirect_from_tls_to_none_is_refused(site):
    certificates = Certificates(site.folder)
    store = site.serve()
    server = site.serve(certificates=certificates, elsewhere=store.url)
    shutil.copy(certificates.authority, site.certs(server) / "ca.crt")
    assert "without TLS" in site.refused([f"IMAGE {server.name}/pause:3.10.1"], 6)
    assert not store.asked


def test_the_layer_of_the_layout_is_the_large_one(site):
    """Guards the tests above: a layer that fits into one packet can't break off."""
    path = site.layout / "blobs" / "sha256" / site.layer.removeprefix("sha256:")
    assert path.stat().st_size > LARGE and "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest() == site.layer
