# SPDX-License-Identifier: Apache-2.0
"""Artifacts and configurations that are weapons against `plan`: base.yaml, kubeadm documents, charts, cluster.yaml. Each takes
the path of the payload; a configuration lies beside it, and may be replaced."""
from hostile_places import repeated
from payload_writer import Payload
from programs import small_base

CLUSTER = """apiVersion: sealift.dev/v1
kind: Cluster
metadata: {name: plant7}
spec:
  ssh: {user: ops, keyPath: key}
  hosts:
  - {address: 127.0.0.1, role: control-plane, hostKey: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}
"""
LAUGHS = "".join(f"a{i}: &a{i} [{', '.join(f'*a{i - 1}' for _ in range(9)) if i else 'lol'}]\n" for i in range(12))
HELM = "#!/bin/sh\n"


def base(document=None, helm=HELM, config=CLUSTER, kubeadm=None, **contents):
    document = document or small_base._base_document()
    if kubeadm:
        document += "  kubeadm: |\n" + "".join(f"    {line}\n" for line in kubeadm.splitlines())
    payload = Payload(name="hostile", version="1", baseDocument="base.yaml", **contents)
    payload.file("base.yaml", document.encode())
    for tool in small_base.TOOLS:
        payload.file(f"bin/amd64/{tool}", (helm if tool == "helm" else "#!/bin/sh\nexit 1\n").encode(), 0o755)
    payload.file("etc/config.toml", b"version = 3\n")
    payload.config = config
    return payload


def write(payload, path):
    payload.write(path)
    (path.parent / "cluster.yaml").write_text(payload.config)


def a_sound_base(path):
    write(base(), path)


def a_base_that_laughs(path):
    write(base(LAUGHS + small_base._base_document()), path)


def a_base_of_two_megabytes(path):
    write(base(small_base._base_document() + "#" * (2 << 20)), path)


def a_base_of_many_files(path):
    files = "".join(f'  - {{source: a, destination: /x/{i}}}\n' for i in range(25_000))
    write(base(small_base._base_document().replace("  units:\n", files + "  units:\n")), path)


def a_base_nested_deep(path):
    write(base(small_base._base_document() + "  sysctls: " + "[" * 100_000 + "\n"), path)


def _base_file(path, destination):
    write(base(small_base._base_document().replace("  units:\n", f'  - {{source: etc/config.toml, destination: {destination}}}\n  units:\n')), path)


def a_base_file_over_the_mirror(path):
    _base_file(path, "/etc/sealift/mirror.json")


def a_base_file_for_the_kernel(path):
    _base_file(path, "/proc/sysrq-trigger")


def a_base_file_over_the_passwords(path):
    _base_file(path, "/etc/shadow")


def a_base_file_with_a_line_break(path):
    _base_file(path, '"/etc/x\\ny"')


def a_unit_named_like_a_path(path):
    write(base(small_base._base_document().replace("containerd.service", "../../tmp/x.service")), path)


def a_sysctl_of_two_lines(path):
    write(base(small_base._base_document().replace('net.ipv4.ip_forward: "1"', 'net.ipv4.ip_forward: "1\\nkernel.core_pattern=|/x"')), path)


def a_module_with_options(path):
    write(base(small_base._base_document().replace("[overlay]", '["-C /tmp/x evil"]')), path)


API = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: "


def kubeadm_that_laughs(path):
    write(base(kubeadm=API + "ClusterConfiguration\n" + LAUGHS), path)


def kubeadm_that_takes_the_endpoint(path):
    write(base(kubeadm=API + "ClusterConfiguration\ncontrolPlaneEndpoint: evil.example:6443\n"), path)


def kubeadm_that_takes_the_token(path):
    write(base(kubeadm=API + "JoinConfiguration\ndiscovery: {file: {kubeConfigPath: /tmp/x}}\n"), path)


def kubeadm_that_mounts_sealifts_keys(path):
    volumes = "apiServer:\n  extraVolumes:\n  - {name: x, hostPath: /etc/sealift/pki, mountPath: /x}\n"
    write(base(kubeadm=API + "ClusterConfiguration\n" + volumes), path)


def kubeadm_that_keeps_etcd_over_the_payloads(path):
    write(base(kubeadm=API + "ClusterConfiguration\netcd: {local: {dataDir: /var/lib/sealift/payloads}}\n"), path)


def kubeadm_whose_keys_lie_in_proc(path):
    write(base(kubeadm=API + "ClusterConfiguration\ncertificatesDir: /proc/self/fd\n"), path)


def kubeadm_with_a_line_break_in_an_argument(path):
    write(base(kubeadm=API + 'ClusterConfiguration\napiServer:\n  extraArgs:\n  - {name: "x\\n  - --anonymous-auth=true", value: "1"}\n'), path)


def site_kubeadm_that_mounts_sealifts_keys(path):
    volumes = "controllerManager:\n  extraVolumes:\n  - {name: x, hostPath: /run/sealift/jobs, mountPath: /x}\n"
    write(base(config=CLUSTER + "---\n" + API + "ClusterConfiguration\n" + volumes), path)


def a_configuration_that_laughs(path):
    write(base(config=CLUSTER + "---\n" + LAUGHS), path)


def a_configuration_of_five_megabytes(path):
    write(base(config=CLUSTER + "#" * (5 << 20)), path)


def a_configuration_with_a_host_file_over_the_passwords(path):
    write(base(config=CLUSTER + "  files: [{src: key, dest: /etc/shadow}]\n"), path)


def _chart(path, helm, values=None, **options):
    app = {"kind": "helm", "name": "web", "root": "apps/web", "network": True}
    payload = base(helm=helm, **options)
    payload.file("apps/web/Chart.yaml", b"apiVersion: v2\nname: web\nversion: 1.0.0\n")
    if values is not None:
        payload.file("values/web.yaml", values)
        app["values"] = ["values/web.yaml"]
    payload.contents.update(apps=[app], launch=["web"])
    write(payload, path)


def a_chart_without_end(path):
    _chart(path, "#!/bin/sh\nyes 'apiVersion: v1'\n")


def a_chart_of_one_line_without_end(path):
    _chart(path, "#!/bin/sh\nyes x | tr -d '\\n'\n")


def a_chart_that_laughs(path):
    _chart(path, "#!/bin/sh\ncat <<'END'\n---\nkind: Pod\n" + LAUGHS + "END\n")


def a_chart_that_complains_without_end(path):
    _chart(path, "#!/bin/sh\nyes 'Error: no' >&2\n")


def a_chart_of_many_objects(path):
    _chart(path, "#!/bin/sh\nyes '--- {a: {b: c}}' | head -n 400000\n")


def a_chart_that_dials_out(path):
    _chart(path, "#!/bin/sh\nip -o addr show | grep -v ' lo ' | grep . && exit 1\necho 'Error: no way out' >&2; exit 1\n")


def values_of_many_keys(path):
    _chart(path, HELM, values=b"".join(b"k%06d: 1\n" % i for i in range(300_000)))


def values_of_five_megabytes(path):
    _chart(path, HELM, values=b"#" * (5 << 20))


def a_base_that_is_a_bomb(path):
    payload = repeated(500_000)
    payload.contents["baseDocument"] = "a"
    payload.config = CLUSTER
    write(payload, path)


def apps_that_need_each_other(path):
    apps = [{"kind": "manifests", "name": name, "root": "apps/web", "needs": [need]} for name, need in (("one", "two"), ("two", "one"))]
    write(base(apps=apps, launch=["one", "two"]).file("apps/web/x.yaml", b"{}"), path)
