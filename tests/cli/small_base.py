# SPDX-License-Identifier: Apache-2.0
"""A miniature Kubernetes base: the structure that packer and delivery require, with empty programs and images. Enough for
everything that can be checked before a host is contacted."""
import gzip
import hashlib
import io
import json
import pathlib
import tarfile

IMAGES = {
    "sandbox": "registry.k8s.io/pause:3.10.1",
    "kube-apiserver": "registry.k8s.io/kube-apiserver:v1.34.4",
    "kube-controller-manager": "registry.k8s.io/kube-controller-manager:v1.34.4",
    "kube-scheduler": "registry.k8s.io/kube-scheduler:v1.34.4",
    "kube-proxy": "registry.k8s.io/kube-proxy:v1.34.4",
    "etcd": "registry.k8s.io/etcd:3.6.5-0",
    "coredns": "registry.k8s.io/coredns/coredns:v1.12.1",
}
TOOLS = ("kubeadm", "kubectl", "helm", "ctr")


def _base_document():
    lines = ["apiVersion: sealift.dev/v1", "kind: Base", "metadata: {name: kubernetes}", "spec:", "  kubernetesVersion: v1.34.4",
             "  criSocket: unix:///run/containerd/containerd.sock", "  images:"]
    lines += [f"    {role}: {name}" for role, name in IMAGES.items()]
    lines += ["  tools:"] + [f"    {tool}: bin/${{ARCH}}/{tool}" for tool in TOOLS]
    lines += ["  files:", '  - {source: "bin/${ARCH}/kubeadm", destination: /usr/local/bin/kubeadm, mode: "0755"}',
              '  - {source: etc/config.toml, destination: /etc/containerd/config.toml, mode: "0644"}']
    lines += ["  units:", "  - {name: containerd.service, start: now}", "  modules: [overlay]", '  sysctls: {net.ipv4.ip_forward: "1"}',
              "  ports: {all: [10250], control-plane: [6443]}", "  minimum: {worker: {cpus: 1}}"]
    return "\n".join(lines) + "\n"


def _put(layout, data):
    digest = hashlib.sha256(data).hexdigest()
    (layout / "blobs" / "sha256" / digest).write_bytes(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def _add_manifest(layout, content, platform):
    """One image of one file; returns the digest of its layer and the descriptor of its manifest."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        entry = tarfile.TarInfo("etc/name")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **_put(layout, gzip.compress(plain.getvalue(), mtime=0))}
    config = {**platform, "config": {}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(plain.getvalue()).hexdigest()]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **_put(layout, json.dumps(config).encode())}, "layers": [layer]}
    return layer["digest"], {"mediaType": manifest["mediaType"], **_put(layout, json.dumps(manifest).encode())}


def _name(layout, descriptor, name):
    index = json.loads((layout / "index.json").read_text())
    index["manifests"].append({**descriptor, "annotations": {"org.opencontainers.image.ref.name": name}})
    (layout / "index.json").write_text(json.dumps(index))


def add_image(layout, name, content):
    """An image of one file for amd64, without an index, into an OCI layout; returns the digest of its layer."""
    layer, descriptor = _add_manifest(layout, content, {"architecture": "amd64", "os": "linux"})
    _name(layout, descriptor, name)
    return layer


def add_index(layout, name, contents):
    """An index of several images, by "ARCHITECTURE[/VARIANT]", in this order."""
    manifests = []
    for platform, content in contents.items():
        architecture, _, variant = platform.partition("/")
        platform = {"architecture": architecture, "os": "linux", **({"variant": variant} if variant else {})}
        manifests.append({**_add_manifest(layout, content, platform)[1], "platform": platform})
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}
    _name(layout, {"mediaType": index["mediaType"], **_put(layout, json.dumps(index).encode())}, name)


def add_signature(layout, name, signed):
    """Of the image with this name, as cosign keeps it: under a tag of the repository. Returns the digest of the image."""
    entries = json.loads((layout / "index.json").read_text())["manifests"]
    digest = next(entry["digest"] for entry in entries if entry["annotations"]["org.opencontainers.image.ref.name"] == name)
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **_put(layout, b'{"architecture":"","os":""}')},
                "layers": [{"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", **_put(layout, signed)}]}
    tag = digest.replace(":", "-") + ".sig"
    _name(layout, {"mediaType": manifest["mediaType"], **_put(layout, json.dumps(manifest).encode())}, f"{name.rpartition(':')[0]}:{tag}")
    return digest


def make_layout(folder):
    """An OCI layout without images."""
    (folder / "blobs" / "sha256").mkdir(parents=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}))


def write(folder: pathlib.Path):
    """Creates base.yaml, bin/, etc/ and an OCI layout images/; returns the lines of a Kubefile that packs them."""
    (folder / "base.yaml").write_text(_base_document())
    (folder / "etc").mkdir()
    (folder / "etc" / "config.toml").write_text(f'version = 3\nsandbox = "{IMAGES["sandbox"]}"\n')
    (folder / "bin" / "amd64").mkdir(parents=True)
    for tool in TOOLS:
        program = folder / "bin" / "amd64" / tool
        names = "\\n".join(IMAGES.values())
        scripts = {"kubeadm": f"#!/bin/sh\nprintf '{names}\\n'\n", "helm": "#!/bin/sh\n"}  # this helm renders nothing
        program.write_text(scripts.get(tool, "#!/bin/sh\nexit 1\n"))
        program.chmod(0o755)
    make_layout(folder / "images")
    for name in IMAGES.values():
        add_image(folder / "images", name, name.encode())
    return ["COPY base.yaml base.yaml", "COPY etc/ etc/", "COPY bin/ bin/"] + [f"IMAGE --from=oci:images {name}" for name in IMAGES.values()]


def empty_helm(folder):
    """Options of `sealift build` for a helm that renders nothing."""
    (folder / "tools").mkdir()
    (folder / "tools" / "helm").write_text("#!/bin/sh\n")
    (folder / "tools" / "helm").chmod(0o755)
    return ["--tools", "tools", "--kubernetes-version", "v1.34.4"]
