# SPDX-License-Identifier: Apache-2.0
"""The other side of the benches of deliveries: what a good script of someone who knows kubeadm does with the same bytes. It
copies programs, and only the images that a node needs, to all hosts in parallel over SSH, imports them with `ctr images
import`, and runs kubeadm init and join. No mirror, no balancer, no checks, no records."""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import time

from side_by_side import ROOT, kube

sys.path.insert(0, str(ROOT / 'tests/e2e'))
from lab import LAB_TOML  # noqa: E402

BASE = ROOT / 'packer/bases/kubernetes'
SHOP = ROOT / 'packer/examples/shop'
CONTROL_PLANE_PROGRAMS = ('kubectl', 'helm')
# The name of the API's address, where there are several control planes: every host has it in its /etc/hosts.
ENDPOINT = 'api.bench'


def timed(work):
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


class ByHand:
    """`images`: by role, the last parts of their names; none for all that there are."""

    def __init__(self, lab, folder, control_planes, workers, images):
        self.lab, self.folder = lab, pathlib.Path(folder)
        self.control_planes, self.workers, self.wanted = control_planes, workers, images
        self.first = control_planes[0]
        paths = ('HOST_BIN', 'ARCH', 'LAYOUT', 'VERSION')
        self.kube = dict(zip(paths, map(kube, paths)))
        self.options = ['-i', lab.key(), '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR']
        self.phases = {}

    # --- before, on the launch machine ---

    def prepare(self):
        """What would be on the USB stick: folders of programs, archives of images."""
        programs = pathlib.Path(self.kube['HOST_BIN']) / self.kube['ARCH']
        for name in ('control-plane', 'worker'):
            tree = self.folder / name
            for target in ('usr/local/bin', 'opt/cni/bin', 'etc/systemd/system', 'etc/containerd/conf.d', 'etc/modules-load.d', 'etc/sysctl.d'):
                (tree / target).mkdir(parents=True)
            for program in programs.iterdir():
                if program.is_file() and (name == 'control-plane' or program.name not in CONTROL_PLANE_PROGRAMS):
                    os.link(program, tree / 'usr/local/bin' / program.name)
            for plugin in (programs / 'cni').iterdir():
                os.link(plugin, tree / 'opt/cni/bin' / plugin.name)
            for unit in (BASE / 'etc/systemd/system').iterdir():
                (tree / 'etc/systemd/system' / unit.name).write_bytes(unit.read_bytes())
            config = (BASE / 'etc/containerd/config.toml.tmpl').read_text().replace('${SANDBOX_IMAGE}', 'registry.k8s.io/pause:3.10.1')
            (tree / 'etc/containerd/config.toml').write_text(config)
            (tree / 'etc/containerd/conf.d/lab.toml').write_text(LAB_TOML)
            (tree / 'etc/modules-load.d/kubernetes.conf').write_text('overlay\nbr_netfilter\n')
            (tree / 'etc/sysctl.d/kubernetes.conf').write_text('net.ipv4.ip_forward=1\nnet.bridge.bridge-nf-call-iptables=1\n')
            if name == 'control-plane':
                subprocess.run(['cp', '-r', SHOP / 'charts', SHOP / 'manifests', tree], check=True)
            self.images(name)

    def images(self, name):
        layout = pathlib.Path(self.kube['LAYOUT'])
        index = json.loads((layout / 'index.json').read_text())
        names = self.wanted[name]
        wanted = [entry for entry in index['manifests']
                  if names is None or re.search(r'([\w-]+):[\w.-]+$', entry['annotations']['org.opencontainers.image.ref.name'])[1] in names]
        folder = self.folder / f'images-{name}'
        (folder / 'blobs/sha256').mkdir(parents=True)

        def take(digest):
            target = folder / 'blobs/sha256' / digest[7:]
            if not target.exists():
                os.link(layout / 'blobs/sha256' / digest[7:], target)
            return target

        def walk(descriptor):
            document = json.loads(take(descriptor['digest']).read_bytes())
            for child in document.get('manifests', []):
                walk(child)
            for blob in [document['config'], *document['layers']] if 'layers' in document else []:
                take(blob['digest'])

        for entry in wanted:
            walk(entry)
            entry['annotations'] = {'io.containerd.image.name': entry['annotations']['org.opencontainers.image.ref.name']}
        (folder / 'oci-layout').write_text('{"imageLayoutVersion":"1.0.0"}')
        (folder / 'index.json').write_text(json.dumps({**index, 'manifests': wanted}))
        subprocess.run(['tar', '-C', folder, '-cf', self.folder / f'images-{name}.tar', '.'], check=True)

    # --- at the site ---

    def ssh(self, name, script, source=None):
        with open(source or os.devnull, 'rb') as stdin:
            done = subprocess.run(['ssh', *self.options, f'root@{self.lab.ip(name)}', script], stdin=stdin, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f'{name}: {script}\n{done.stdout}{done.stderr}')
        return done.stdout

    @staticmethod
    def on_all(work, names):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            return list(pool.map(work, names))

    def phase(self, name, work):
        self.phases[name] = timed(work)

    def install(self, name):
        role = 'worker' if name in self.workers else 'control-plane'
        # not all hosts have tar
        trees = sorted((self.folder / role).iterdir())
        subprocess.run(['scp', '-q', '-r', '-p', *self.options, *trees, f'root@{self.lab.ip(name)}:/'], check=True, stdin=subprocess.DEVNULL)
        self.ssh(name, f'echo {self.lab.ip(self.first)} {ENDPOINT} >> /etc/hosts; systemctl daemon-reload && (modprobe -a overlay br_netfilter || true) && '
                       '(sysctl -q --system || true) && systemctl enable --now containerd && systemctl enable kubelet')
        self.ssh(name, 'ctr -n k8s.io images import - >/dev/null', self.folder / f'images-{role}.tar')

    def install_all(self):
        self.on_all(self.install, (*self.control_planes, *self.workers))

    def documents(self, key):
        kubelet = {'apiVersion': 'kubelet.config.k8s.io/v1beta1', 'kind': 'KubeletConfiguration', 'cgroupDriver': 'systemd'}
        if self.lab.inside(self.first, 'stat -fc %T /sys/fs/cgroup').strip() != 'cgroup2fs':
            kubelet['failCgroupV1'] = False
        init = {'apiVersion': 'kubeadm.k8s.io/v1beta4', 'kind': 'InitConfiguration', 'localAPIEndpoint': {'advertiseAddress': self.lab.ip(self.first)},
                'nodeRegistration': {'name': self.first, 'criSocket': 'unix:///run/containerd/containerd.sock'}}
        cluster = {'apiVersion': 'kubeadm.k8s.io/v1beta4', 'kind': 'ClusterConfiguration', 'kubernetesVersion': f'v{self.kube["VERSION"]}',
                   'networking': {'podSubnet': '10.244.0.0/16', 'serviceSubnet': '10.96.0.0/12'}}
        if key:
            init['certificateKey'], cluster['controlPlaneEndpoint'] = key, f'{ENDPOINT}:6443'
        proxy = {'apiVersion': 'kubeproxy.config.k8s.io/v1alpha1', 'kind': 'KubeProxyConfiguration', 'conntrack': {'maxPerCore': 0, 'min': 0}}
        return '\n---\n'.join(json.dumps(document) for document in (init, cluster, kubelet, proxy))

    def init(self):
        """With several control planes, the certificates come to the others through the cluster, encrypted with a key."""
        self.key = os.urandom(32).hex() if len(self.control_planes) > 1 else ''
        path = self.folder / 'kubeadm.yaml'
        path.write_text(self.documents(self.key))
        self.ssh(self.first, f'cat > /root/kubeadm.yaml && kubeadm init --config /root/kubeadm.yaml {"--upload-certs" if self.key else ""} --ignore-preflight-errors=all && '
                             'mkdir -p /root/.kube && cp /etc/kubernetes/admin.conf /root/.kube/config', path)

    def join(self):
        """The workers at once; beside them the control planes, one after the other, since etcd takes one at a time."""
        command = self.ssh(self.first, 'kubeadm token create --print-join-command').strip() + ' --ignore-preflight-errors=all --node-name '

        def join_control_planes():
            for name in self.control_planes[1:]:
                self.ssh(name, f'{command}{name} --control-plane --certificate-key {self.key} --apiserver-advertise-address {self.lab.ip(name)}')

        self.on_all(lambda work: work(), [join_control_planes, *[lambda name=name: self.ssh(name, command + name) for name in self.workers]])

    def network(self):
        # without a name server, CoreDNS would not start with its forwarding
        self.ssh(self.first, 'kubectl -n kube-system get configmap coredns -o yaml | sed "/forward \\. /,/}/d" | kubectl apply -f - 2>/dev/null')
        self.ssh(self.first, 'helm install flannel /charts/flannel --namespace kube-system >/dev/null')

    def wait_until_ready(self):
        self.ssh(self.first, 'kubectl wait --for=condition=Ready nodes --all --timeout=180s')

    def applications(self):
        self.ssh(self.first, 'for chart in redis postgres nginx; do helm install $chart /charts/$chart --wait --timeout 5m >/dev/null & done; kubectl apply -f /manifests/echo; wait; '
                             'kubectl wait --for=condition=Available deployments --all --all-namespaces --timeout=180s')
