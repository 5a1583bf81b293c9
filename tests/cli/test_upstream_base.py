# SPDX-License-Identifier: Apache-2.0
"""packer/bases/kubernetes/Kubefile.upstream: the Kubernetes base from the projects' release URLs, tried with a server that
has those paths. The programs are those of tests/kube, in archives and with checksum files as the projects publish them."""
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import tarfile

import pytest

from conftest import ROOT
from file_server import Files
from image_server import ImageServer
from registry_server import Certificates

BASE = ROOT / "packer" / "bases" / "kubernetes"
HOSTS = ("dl.k8s.io", "github.com", "get.helm.sh")


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def archive(path, folder, members):
    """`members`: name in the archive → program."""
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, program in {**members, f"{folder}LICENSE": BASE / "base.yaml"}.items():
            tar.add(program, name)
    return path


class Releases:
    """The files that the Kubefile's URLs name, by URL, for amd64."""
    def __init__(self, programs, scratch, versions):
        self.files = {}
        kubernetes = f"https://dl.k8s.io/release/{versions['KUBERNETES']}/bin/linux/amd64"
        for name in ("kubeadm", "kubelet", "kubectl"):
            self.files[f"{kubernetes}/{name}"] = programs / name
            self.files[f"{kubernetes}/{name}.sha256"] = sha256(programs / name).encode()
        github = "https://github.com"
        containerd = archive(scratch / "containerd", "bin/", {f"bin/{name}": programs / name for name in ("containerd", "containerd-shim-runc-v2", "ctr")})
        self._with_sums(f"{github}/containerd/containerd/releases/download/v{versions['CONTAINERD']}/containerd-{versions['CONTAINERD']}-linux-amd64.tar.gz", containerd, ".sha256sum")
        runc = f"{github}/opencontainers/runc/releases/download/v{versions['RUNC']}"
        self.files[f"{runc}/runc.amd64"] = programs / "runc"
        self.files[f"{runc}/runc.sha256sum"] = ("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + f"{'0' * 64} *libseccomp-2.5.6.tar.gz\n{sha256(programs / 'runc')} *runc.amd64\n"
                                               + f"{'1' * 64} *runc.arm64\n-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n").encode()
        plugins = archive(scratch / "plugins", "./", {f"./{name}": programs / "cni" / name for name in ("bridge", "host-local", "loopback", "portmap", "firewall")})
        self._with_sums(f"{github}/containernetworking/plugins/releases/download/{versions['CNI_PLUGINS']}/cni-plugins-linux-amd64-{versions['CNI_PLUGINS']}.tgz", plugins, ".sha256")
        self.files[f"{github}/flannel-io/cni-plugin/releases/download/{versions['FLANNEL_PLUGIN']}/flannel-amd64"] = programs / "cni" / "flannel"
        helm = archive(scratch / "helm", "linux-amd64/", {"linux-amd64/helm": programs / "helm"})
        self._with_sums(f"https://get.helm.sh/helm-{versions['HELM']}-linux-amd64.tar.gz", helm, ".sha256sum")
        etcd = archive(scratch / "etcd", "etcd-v3.6.5-linux-amd64/", {f"etcd-v3.6.5-linux-amd64/{name}": programs / "cni" / "loopback" for name in ("etcd", "etcdctl", "etcdutl")})
        self.etcd = f"{github}/etcd-io/etcd/releases/download/v3.6.5"
        self.files[f"{self.etcd}/etcd-v3.6.5-linux-amd64.tar.gz"] = etcd
        self.files[f"{self.etcd}/SHA256SUMS"] = f"{'0' * 64}  etcd-v3.6.5-darwin-amd64.zip\n{sha256(etcd)}  etcd-v3.6.5-linux-amd64.tar.gz\n".encode()

    def _with_sums(self, url, path, suffix):
        self.files[url] = path
        self.files[url + suffix] = f"{sha256(path)}  {url.rsplit('/', 1)[1]}\n".encode()


def path_of(url):
    """Below a folder for each host, where --mirror leads."""
    return "/" + url.removeprefix("https://")


@pytest.fixture(scope="module")
def kube():
    printed = subprocess.run([ROOT / "tests" / "kube" / "build", "--print"], capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in printed.splitlines())


@pytest.fixture(scope="module")
def place(tmp_path_factory, packer, stub, kube):
    folder = tmp_path_factory.mktemp("upstream")
    certificates = Certificates(folder)
    context = folder / "kubernetes"
    shutil.copytree(BASE, context)
    versions = dict(re.findall(r"^ARG (\w+)=(.*)$", (BASE / "Kubefile.upstream").read_text(), re.M))
    programs = pathlib.Path(kube["HOST_BIN"]) / "amd64"
    servers = Files(certificates), ImageServer(pathlib.Path(kube["LAYOUT"]))

    class Place:
        files, images = servers
        releases = Releases(programs, folder, versions)

        def __init__(self):
            self.folder, self.context, self.programs, self.cache = folder, context, programs, folder / "cache"
            self.files.files = {path_of(url): data for url, data in self.releases.files.items()}

        def build(self, name, *options, kubefile="Kubefile.upstream", mirrors=True):
            command = [packer, "build", context, "-f", context / kubefile, "-t", "kubernetes:1.34.4", "-o", folder / name, "--platform", "linux/amd64",
                       "--stub", stub, "--level", "1", *options]
            for host in HOSTS if mirrors else ():
                command += ["--mirror", f"{host}={self.files.url}/{host}"]
            command += ["--mirror", f"registry.k8s.io={self.images.url}"] if mirrors else []
            return subprocess.run(command, capture_output=True, text=True, timeout=300, env={
                "PATH": "/usr/bin:/bin", "HOME": str(folder), "SEALIFT_CACHE": str(self.cache), "SSL_CERT_FILE": str(certificates.authority)})

        def contents(self, name):
            return json.loads(subprocess.run([packer, "inspect", "--json", folder / name], capture_output=True, text=True, check=True).stdout)

        def forget(self, digest):
            (self.cache / "downloads" / "sha256" / digest).unlink()

    yield Place()
    for server in servers:
        server.stop()


def good(done):
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def upstream(place):
    """Built once, with its lock."""
    good(place.build("upstream.run"))
    return place.contents("upstream.run")


def test_the_base_from_release_urls_is_the_one_from_files_of_this_machine(place, upstream, kube):
    good(place.build("local.run", "--build-arg", f"BIN={kube['HOST_BIN']}", "--build-arg", f"IMAGES={kube['LAYOUT']}", kubefile="Kubefile", mirrors=False))
    local = place.contents("local.run")
    tree, there = ({path: file for path, file in contents["tree"].items() if path != "sealift/Kubefile.lock"} for contents in (upstream, local))
    assert tree == there and len([path for path in tree if path.startswith("bin/amd64/")]) == 14

    def same(image):
        return {key: value for key, value in image.items() if key != "reason"}
    assert list(map(same, upstream["images"])) == list(map(same, local["images"]))
    assert upstream["labels"] == local["labels"]
    # nothing of the other platform was asked for; several files at once, but not too many
    assert not [path for path in place.files.asked if "arm64" in path]
    assert 2 <= place.files.most <= 4
    assert len(place.files.asked) == len(set(place.files.asked))


def test_with_its_lock_the_base_is_built_again_without_the_release_servers(place, upstream):
    asked = len(place.files.asked)
    good(place.build("again.run", "--locked"))
    assert len(place.files.asked) == asked
    assert sha256(place.folder / "again.run") == sha256(place.folder / "upstream.run")


def test_a_checksum_that_a_project_publishes_ends_the_build_if_it_does_not_fit(place, upstream):
    url = next(url for url in place.releases.files if url.endswith("/kubelet.sha256"))
    right = place.files.files[path_of(url)]
    place.files.files[path_of(url)] = b"0" * 64
    done = place.build("wrong.run", "--lock", place.folder / "other.lock")
    place.files.files[path_of(url)] = right
    assert done.returncode == 5 and f"sha256:{right.decode()}, not sha256:{'0' * 64}; {url} says so" in done.stderr
    assert "Kubefile.upstream:" in done.stderr and not (place.folder / "wrong.run").exists() and not (place.folder / "other.lock").exists()


def test_a_release_that_was_replaced_does_not_fit_the_lock(place, upstream):
    url = next(url for url in place.releases.files if url.endswith("/kubectl"))
    before = place.files.files[path_of(url)], place.files.files[path_of(url + ".sha256")]
    place.files.files[path_of(url)], place.files.files[path_of(url + ".sha256")] = b"another", hashlib.sha256(b"another").hexdigest().encode()
    place.forget(before[1].decode())
    done = place.build("moved.run")
    place.files.files[path_of(url)], place.files.files[path_of(url + ".sha256")] = before
    assert done.returncode == 5 and f"not sha256:{before[1].decode()}" in done.stderr and f"sealift lock --update {url}" in done.stderr


def test_the_lines_for_etcds_tools_can_be_used_as_they_stand(place, upstream):
    text = (BASE / "Kubefile.upstream").read_text()
    lines = re.search(r"^#ADD .*etcdctl(.*\n#)+.*", text, re.M)[0]
    (place.context / "Kubefile.etcd").write_text("FROM scratch\n" + re.sub(r"^#", "", lines, flags=re.M) + "\n")
    good(place.build("etcd.run", kubefile="Kubefile.etcd"))
    assert sorted(place.contents("etcd.run")["tree"]) == ["bin/amd64/etcdctl", "bin/amd64/etcdutl", "sealift/Kubefile.lock"]
