# SPDX-License-Identifier: Apache-2.0
"""Nothing unhealthy is reported as delivered, no failure is forgotten, and changes that are impossible are rejected."""
import json
import subprocess
import time

import pytest

from lab import OUT, ROOT, Site, http_get, wait_for

LAB = 4


@pytest.fixture(scope='module')
def cluster(lab, tmp_path_factory, artifact):
    """One control plane and a worker with the shop on them; created by the first test that needs it."""
    lab.up('cp1', 'w1')
    return Site(lab, tmp_path_factory.mktemp('site'), workers=('w1',))


class Run:
    """A run of the product in the background whose output can be waited for."""

    def __init__(self, site, *arguments):
        self.log = site.folder / 'run.log'
        with open(self.log, 'w') as log:
            command = [str(site.artifact), *arguments, '--config', str(site.config), '--state', str(site.state)]
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def says(self, text, seconds):
        def probe():
            return text in self.log.read_text() or (self.process.poll() is not None and 'ended')
        if wait_for(f'"{text}"', seconds, probe) == 'ended':
            assert text in self.log.read_text(), self.log.read_text()
        return True

    def ends(self, seconds):
        self.process.wait(timeout=seconds)
        return self.process.returncode

    def output(self):
        return self.log.read_text()


def pack(folder, kubefile, files):
    """An artifact with only the Kubernetes base and its images."""
    folder.mkdir()
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / 'Kubefile').write_text(kubefile)
    out = folder / 'product.run'
    subprocess.run([str(OUT / 'sealift'), 'build', '-f', str(folder / 'Kubefile'), '-t', 'product:1.0', '-o', str(out), '--stub', str(OUT / 'stub-x86_64'), str(folder)],
                   check=True, cwd=ROOT)
    return out


def test_no_pod_network_is_told_beforehand(cluster, lab, tmp_path):
    bare = Site(lab, tmp_path / 'bare', workers=('w1',), artifact=OUT / 'kubernetes.run')
    planned = bare.run('plan')
    assert planned.code == 12, planned.output
    assert 'brings no pod network' in planned.output and 'CNI' in planned.output
    began = time.monotonic()
    done = bare.run()
    assert done.code == 12 and time.monotonic() - began < 60, done.output
    assert lab.inside('w1', 'ls -d /etc/sealift 2>/dev/null || true') == ''


def test_delivered(cluster):
    cluster.deliver()
    assert 'nothing to do: ' in cluster.deliver().output


def test_pods_that_can_not_reach_each_other_are_no_healthy_cluster(cluster, lab):
    """Every pod is Ready, but nothing is forwarded between the nodes, as behind many a host firewall."""
    lab.kubectl('cp1', '-n kube-system scale deployment/coredns --replicas=1')  # whichever node has it, the other one can't reach it
    lab.kubectl('cp1', '-n kube-system rollout status deployment/coredns --timeout=60s')
    wait_for('one pod is left', 60, lambda: lab.kubectl('cp1', '-n kube-system get pods -l k8s-app=kube-dns --no-headers').count('coredns') == 1)
    for name in ('cp1', 'w1'):
        lab.inside(name, "nft add table inet closed && nft add chain inet closed forward '{ type filter hook forward priority 0; policy drop; }'")
    try:
        status = cluster.run('status')
        run = Run(cluster)
        run.says("the cluster's name service", 60)
        assert run.process.poll() is None
    finally:
        for name in ('cp1', 'w1'):
            lab.inside(name, 'nft delete table inet closed')
        lab.kubectl('cp1', '-n kube-system scale deployment/coredns --replicas=2')
    assert run.ends(120) == 0, run.output()
    assert 'name service' in run.output()
    assert status.code in (0, 15)


def test_a_second_run_waits_for_system_pods_and_names_what_is_missing(cluster, lab):
    lab.kubectl('cp1', '-n kube-system set image deployment/coredns coredns=registry.k8s.io/nobody/has:1')
    try:
        run = Run(cluster)
        run.says('Deployment kube-system/coredns', 60)
        run.says('registry.k8s.io/nobody/has:1', 60)
        assert run.process.poll() is None
        status = cluster.run('status')
        assert status.code == 15, status.output
        assert 'coredns' in status.output
    finally:
        lab.kubectl('cp1', '-n kube-system rollout undo deployment/coredns')
    assert run.ends(180) == 0, run.output()


def test_what_failed_is_not_forgotten(cluster, lab):
    """A failing change is reported at once; going back to the former configuration really goes back."""
    values = '---\n' + json.dumps({'apiVersion': 'sealift.dev/v1', 'kind': 'Application', 'metadata': {'name': 'nginx'},
                                   'spec': {'values': {'image': 'docker.io/library/nginx:9.9', 'replicas': 1},
                                            'ignoreImages': ['docker.io/library/nginx:9.9']}}) + '\n'
    cluster.extra = values
    cluster.write()
    began = time.monotonic()
    failed = cluster.run()
    assert failed.code == 15, failed.output
    assert 'docker.io/library/nginx:9.9' in failed.output and 'IMAGE docker.io/library/nginx:9.9' in failed.output
    assert time.monotonic() - began < 120
    cluster.extra = ''
    cluster.write()
    back = cluster.deliver()
    assert 'install nginx' in back.output and 'delivered:' in back.output, back.output
    # the pod that could not start takes its time to go
    wait_for('only the former image', 60, lambda: 'nginx:9.9' not in lab.kubectl('cp1', "get pods -A -l app=nginx -o 'jsonpath={.items[*].spec.containers[*].image}'"))
    wait_for('the application answers', 60, lambda: ' 200 ' in http_get(lab.ip('w1'), 30080)[0])
    assert 'nothing to do: ' in cluster.deliver().output


def test_what_can_not_change_is_refused_with_its_place(cluster, lab, tmp_path):
    other = Site(lab, tmp_path / 'changed', workers=('w1',))
    other.cluster['metadata']['name'] = 'another'
    other.cluster['spec']['network'] = {'pods': '10.200.0.0/16', 'services': '10.201.0.0/16'}
    other.write()
    for verb in ((), ('plan',)):
        done = other.run(*verb)
        assert done.code == 4, done.output
        for was in ('10.244.0.0/16', '10.96.0.0/12', 'e2e'):
            assert was in done.output, (was, done.output)
        assert 'cluster.yaml:' in done.output, done.output
    swapped = Site(lab, tmp_path / 'swapped', workers=('cp1',), control_planes=('w1',))
    done = swapped.run('plan')
    assert done.code == 4, done.output
    assert 'control-plane' in done.output and 'worker' in done.output
    assert 'nothing to do: ' in cluster.deliver().output


def test_an_application_without_its_image_is_named_at_once(cluster, lab, tmp_path):
    chart = {'chart/Chart.yaml': 'apiVersion: v2\nname: lost\nversion: 1.0.0\n',
             'chart/values.yaml': 'image: quay.io/nobody/has\n',
             'chart/templates/d.yaml': 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: lost}\nspec:\n  selector: {matchLabels: {app: lost}}\n'
                                       '  template:\n    metadata: {labels: {app: lost}}\n    spec:\n      containers: [{name: main, image: "{{ .Values.image }}:1"}]\n'}
    artifact = pack(tmp_path / 'product', f'FROM {OUT}/demo.run\nAPP lost local://chart\nIGNORE-IMAGE quay.io/nobody/* the site has it\nLAUNCH ["flannel", "lost"]\n', chart)
    site = Site(lab, tmp_path / 'lost', workers=('w1',), artifact=artifact)
    refused = site.run()
    assert refused.code == 12 and '--replace-product' in refused.output, refused.output
    began = time.monotonic()
    done = site.run('--replace-product')
    assert done.code == 15, done.output
    assert 'quay.io/nobody/has:1' in done.output and 'not in the artifact' in done.output
    assert time.monotonic() - began < 150


def test_status_says_that_the_api_is_down(cluster, lab):
    lab.inside('cp1', 'mv /etc/kubernetes/manifests/kube-apiserver.yaml /root/')
    try:
        wait_for('the API is down', 60, lambda: lab.run('exec', 'cp1', 'kubectl', '--kubeconfig', '/etc/kubernetes/admin.conf', '--request-timeout=1s', 'get', '--raw', '/readyz', check=False).returncode != 0)
        began = time.monotonic()
        status = cluster.run('status')
        took = time.monotonic() - began
        assert status.code == 15, status.output
        assert 'API' in status.output
        assert took < 8, took  # 5 s, plus a login on a busy machine
    finally:
        lab.inside('cp1', 'mv /root/kube-apiserver.yaml /etc/kubernetes/manifests/')
    wait_for('the API is up again', 120, lambda: lab.kubectl('cp1', 'get --raw /readyz') == 'ok')
