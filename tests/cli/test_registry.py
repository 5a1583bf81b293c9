# SPDX-License-Identifier: Apache-2.0
"""IMAGE lines against the real distribution registry: names, bytes, TLS, logins, tokens, and rejections."""
import base64
import json
import os
import re
import shutil
import subprocess

import pytest

import small_base
from registry_server import Certificates, Registry, TokenServer, push

USER, PASSWORD, IDENTITY_TOKEN = "ann", "s3cret", "1dentity-t0ken"
# bcrypt of PASSWORD
HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n"
MIRRORED = ("registry.k8s.io",)


class Site:
    """A context with a small base, its images in a registry's store, and registries serving that store."""
    def __init__(self, folder, packer, stub):
        self.folder, self.packer, self.stub = folder, packer, stub
        self.context = folder / "context"
        self.context.mkdir()
        self.lines = small_base.write(self.context)
        self.certificates = Certificates(folder)
        self.running = []
        self.plain = self.start()
        push(self.context / "images", self.plain.name)
        self.home = folder / "home"

    def start(self, tls=False, **environment):
        if tls:
            environment |= {"REGISTRY_HTTP_TLS_CERTIFICATE": str(self.certificates.certificate), "REGISTRY_HTTP_TLS_KEY": str(self.certificates.key)}
        self.running.append(Registry(self.folder, self.folder / "store", **environment))
        return self.running[-1]

    def trust(self, registry):
        target = self.home / ".config" / "containers" / "certs.d" / registry.name
        target.mkdir(parents=True)
        shutil.copy(self.certificates.authority, target / "ca.crt")

    def log_in(self, registry, entry):
        folder = self.home / ".docker"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"auths": {registry: entry}}))

    def build(self, lines, *options, name="out.run"):
        (self.context / "Kubefile").write_text("\n".join(["FROM scratch", *lines]) + "\n")
        command = [self.packer, "build", "-f", self.context / "Kubefile", "-t", "shop:1.0", "-o", self.folder / name, "--platform", "linux/amd64",
                   "--stub", self.stub, *options, self.context]
        # Ignores this machine's own logins and proxies.
        return subprocess.run(command, capture_output=True, text=True, cwd=self.folder, timeout=120, env={"PATH": "/usr/bin:/bin", "HOME": str(self.home)})

    def from_registry(self):
        return [line.replace("--from=oci:images ", "") for line in self.lines]

    def leftovers(self):
        return [path.name for path in self.folder.iterdir() if path.name.startswith((".sealift", "out.run"))]


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory, packer, stub):
    site = Site(tmp_path_factory.mktemp("registry"), packer, stub)
    yield site
    for registry in site.running:
        registry.stop()


@pytest.fixture
def site(shared_site):
    shutil.rmtree(shared_site.home, ignore_errors=True)
    shared_site.home.mkdir()
    for name in shared_site.leftovers():
        (shared_site.folder / name).unlink()
    return shared_site


def mirror(registry, scheme="http"):
    return [f"--mirror={name}={scheme}://{registry.name}" for name in MIRRORED]


def identity(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return re.search(r"identity (\w+)", done.stdout)[1]


def refused(done, code):
    assert done.returncode == code, done.stdout + done.stderr
    assert PASSWORD not in done.stdout + done.stderr and IDENTITY_TOKEN not in done.stdout + done.stderr
    return done.stderr


def test_the_same_images_from_a_layout_and_from_a_registry_make_the_same_artifact(site):
    from_layout = site.build(site.lines, name="layout.run")
    from_registry = site.build(site.from_registry(), *mirror(site.plain))
    assert identity(from_layout) == identity(from_registry)
    assert (site.folder / "layout.run").read_bytes() == (site.folder / "out.run").read_bytes()
    assert site.leftovers() == ["out.run"]


def test_an_image_under_the_registrys_own_name(site):
    name = f"{site.plain.name}/pause:3.10.1"
    assert identity(site.build([*site.lines, f"IMAGE {name}"]))
    shown = subprocess.run([site.packer, "inspect", site.folder / "out.run"], capture_output=True, text=True, check=True).stdout
    assert name in shown and "registry.k8s.io/pause:3.10.1" in shown


def test_by_digest_only_the_right_bytes(site):
    index = json.loads((site.context / "images" / "index.json").read_text())
    digest = next(entry["digest"] for entry in index["manifests"] if "pause" in entry["annotations"]["org.opencontainers.image.ref.name"])
    assert identity(site.build([*site.lines, f"IMAGE {site.plain.name}/pause@{digest}"]))
    text = refused(site.build([*site.lines, f"IMAGE {site.plain.name}/pause@sha256:{'0' * 64}"]), 7)
    assert "Kubefile:" in text


def test_tls_needs_an_authority_that_is_trusted(site):
    registry = site.start(tls=True)
    text = refused(site.build(site.from_registry(), *mirror(registry, "https")), 6)
    assert "no trusted TLS connection" in text and "Kubefile:" in text
    site.trust(registry)
    assert identity(site.build(site.from_registry(), *mirror(registry, "https")))
    # loopback with certificates is never accessed over plain HTTP
    assert identity(site.build([*site.lines, f"IMAGE {registry.name}/pause:3.10.1"]))


def test_a_registry_with_a_password(site):
    htpasswd = site.folder / "htpasswd"
    htpasswd.write_text(HTPASSWD)
    registry = site.start(tls=True, REGISTRY_AUTH="htpasswd", REGISTRY_AUTH_HTPASSWD_REALM="test", REGISTRY_AUTH_HTPASSWD_PATH=str(htpasswd))
    site.trust(registry)
    lines = [*site.lines, f"IMAGE {registry.name}/pause:3.10.1"]
    assert f"docker login {registry.name}" in refused(site.build(lines), 9)
    site.log_in(registry.name, {"auth": base64.b64encode(f"{USER}:wrong".encode()).decode()})
    assert f"docker login {registry.name}" in refused(site.build(lines), 9)
    site.log_in(registry.name, {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()})
    assert identity(site.build(lines))


def test_a_registry_with_tokens(site):
    tokens = TokenServer(site.folder, site.certificates, USER, PASSWORD, IDENTITY_TOKEN)
    registry = site.start(REGISTRY_AUTH="token", REGISTRY_AUTH_TOKEN_REALM=tokens.url, REGISTRY_AUTH_TOKEN_SERVICE="test registry", REGISTRY_AUTH_TOKEN_ISSUER="test",
                          REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE=str(site.certificates.authority))
    lines = [*site.lines, f"IMAGE {registry.name}/pause:3.10.1", f"IMAGE {registry.name}/etcd:3.6.5-0"]
    assert "gives no token" in refused(site.build(lines), 9)
    site.log_in(registry.name, {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()})
    tokens.asked.clear()
    assert identity(site.build(lines))
    assert sorted(query["scope"][0] for _, query, _ in tokens.asked) == ["repository:etcd:pull", "repository:pause:pull"]
    site.log_in(registry.name, {"identitytoken": IDENTITY_TOKEN, "auth": base64.b64encode(b"<token>:").decode()})
    tokens.asked.clear()
    assert identity(site.build(lines))
    assert {method for method, _, _ in tokens.asked} == {"POST"}
    tokens.stop()


def test_what_is_not_there_is_named_and_nothing_is_left(site):
    text = refused(site.build([*site.lines, f"IMAGE {site.plain.name}/no/such:1"]), 7)
    assert "no/such:1" in text and "Kubefile:" in text
    text = refused(site.build([*site.lines, "IMAGE 127.0.0.1:1/nobody:1"]), 8)
    assert "127.0.0.1:1" in text
    assert site.leftovers() == []


def test_a_registry_that_is_gone_is_named(site):
    registry = site.start()
    registry.stop()
    text = refused(site.build([*site.lines, f"IMAGE {registry.name}/pause:3.10.1"]), 8)
    assert registry.name in text and site.leftovers() == []


def test_what_is_no_mirror_is_refused(site):
    done = site.build(site.lines, "--mirror=docker.io")
    assert done.returncode == 2 and "REGISTRY=https://HOST" in done.stderr


def test_a_damaged_store_is_noticed(site):
    # The registry itself does not check what it sends.
    layers = [json.loads((site.context / "images" / "blobs" / "sha256" / entry["digest"][7:]).read_text())["layers"][0]["digest"][7:]
              for entry in json.loads((site.context / "images" / "index.json").read_text())["manifests"] if "etcd" in json.dumps(entry)]
    path = site.folder / "store" / "docker" / "registry" / "v2" / "blobs" / "sha256" / layers[0][:2] / layers[0] / "data"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    try:
        text = refused(site.build([*site.lines[:3], *[line for line in site.from_registry()[3:]]], *mirror(site.plain)), 5)
        assert layers[0] in text
    finally:
        path.write_bytes(data)
    assert os.path.exists(path)
