# SPDX-License-Identifier: Apache-2.0
"""`check` on real hosts: before the delivery the preflight; a cluster of three control planes and two workers that is well, in
ten seconds at most; then one thing after the other is broken on purpose, found under its name, and mended."""
import contextlib
import json
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree

import pytest

from lab import Site, tree_hash, wait_for

LAB = 34    # from 16 to 31 it would have addresses of the cluster's services
PLANES, WORKERS = ('cp1', 'cp2', 'cp3'), ('w1', 'w2')
ALL = (*PLANES, *WORKERS)
SECONDS = 10  # the bar


@pytest.fixture(scope='module')
def cluster(lab, tmp_path_factory, artifact):
    lab.up(*ALL)
    return Site(lab, tmp_path_factory.mktemp('site'), workers=WORKERS, control_planes=PLANES)


def check(site, *arguments):
    """The findings, by id and subject; several about the same are a list."""
    done = site.run('check', '--log-format', 'json', *arguments)
    assert done.code in (0, 15), done.output
    found = {}
    for event in done.events:
        if event.get('event') == 'check':
            found.setdefault((event['id'], event['subject']), []).append(event)
    assert found, done.output
    failed = any(one['verdict'] == 'fail' for several in found.values() for one in several)
    assert done.code == (15 if failed else 0), done.output
    return found


def ill(found, verdicts=('fail', 'warn')):
    return sorted((one['verdict'], *key, one['evidence']) for key, several in found.items() for one in several if one['verdict'] in verdicts)


def finds(site, id, subject, text, verdict='fail', seconds=60):
    """Waits until that is found: some things take the cluster a moment to notice."""
    def probe():
        found = check(site)
        for one in found.get((id, subject), []):
            if one['verdict'] == verdict and text in one['evidence'] + one.get('remedy', ''):
                assert one['remedy']
                return one
        probe.last = ill(found)
        return None
    try:
        return wait_for(f'{id} {subject}', seconds, probe)
    except AssertionError:
        raise AssertionError(f'{verdict} {id} {subject} "{text}" was not found, but {probe.last}') from None


def is_well(site, seconds=180):
    def probe():
        probe.last = ill(check(site), ('fail',))
        return not probe.last
    try:
        wait_for('all is well', seconds, probe)
    except AssertionError:
        raise AssertionError(f'not well: {probe.last}') from None


@contextlib.contextmanager
def broken(lab, name, break_it, mend_it):
    lab.inside(name, break_it)
    try:
        yield
    finally:
        lab.inside(name, mend_it)


def test_before_the_delivery_it_is_the_preflight(cluster, lab):
    found = check(cluster)
    assert not ill(found, ('fail',)), ill(found)
    assert any(id == 'disk.space' for id, _ in found) and not any(id == 'node.ready' for id, _ in found)
    with broken(lab, 'w1', 'mv /etc/machine-id /etc/machine-id.kept; : > /etc/machine-id', 'mv /etc/machine-id.kept /etc/machine-id'):
        assert any(key[0].startswith('identity.') and key[1] == 'w1' for key in check(cluster)), ill(check(cluster))


def test_a_cluster_that_is_well(cluster, lab, tmp_path):
    cluster.deliver()
    is_well(cluster)
    before = {name: tree_hash(lab, name) for name in ALL}
    junit = tmp_path / 'check.xml'
    began = time.monotonic()
    found = check(cluster, '--junit', str(junit))
    took = time.monotonic() - began
    assert not ill(found, ('fail',)), ill(found)
    assert took <= SECONDS, f'{took:.1f} s'
    assert not [one for one in ill(found) if one[1].startswith(('drift', 'version', 'app', 'etcd.members'))], ill(found)
    for id in ('host.answers', 'host.units', 'node.ready', 'mirror.answers', 'mirror.images', 'balancer.local', 'names.hosts', 'drift.files', 'certificates.nodes', 'disk.space'):
        assert {subject for key, subject in found if key == id} == set(ALL), (id, sorted(found))
    for id in ('names.pods', 'network.pods', 'network.services'):
        asked = [name for name in ALL for one in found.get((id, name), []) if 'not asked' not in one['evidence']]
        assert len(asked) >= 2, (id, sorted(found))
    for id in ('etcd.answers', 'etcd.alarms', 'etcd.size', 'control-plane.api', 'control-plane.pods'):
        assert {subject for key, subject in found if key == id} == set(PLANES), (id, sorted(found))
    assert any(id == 'app.healthy' for id, _ in found)
    suites = ElementTree.parse(junit).getroot()
    assert suites.get('failures') == '0' and int(suites.get('tests')) == sum(len(several) for several in found.values())
    # it has changed nothing
    assert {name: tree_hash(lab, name) for name in ALL} == before
    text = cluster.run('check')
    assert text.code == 0 and ' 0 failed' in text.output, text.output
    assert (cluster.state / 'disks.json').exists()


def test_a_host_without_power(cluster, lab):
    lab.run('kill', 'w2')
    try:
        began = time.monotonic()
        found = check(cluster)
        assert [one['verdict'] for one in found[('host.answers', 'w2')]] == ['fail']
        assert ('mirror.images', 'w1') in found and time.monotonic() - began < 60
    finally:
        lab.run('start', 'w2')
    is_well(cluster)


@pytest.mark.parametrize('name, break_it, mend_it, id, text, verdict', [
    ('w1', 'systemctl stop sealift-mirror.socket sealift-mirror', 'systemctl start sealift-mirror.socket sealift-mirror', 'mirror.answers', 'does not answer', 'fail'),
    ('w1', 'systemctl stop sealift-mirror.socket sealift-mirror', 'systemctl start sealift-mirror.socket sealift-mirror', 'host.units', 'sealift-mirror.service is inactive', 'fail'),
    ('w1', 'systemctl stop kubelet', 'systemctl start kubelet', 'host.units', 'kubelet.service is inactive', 'fail'),
    ('w1', 'systemctl stop kubelet', 'systemctl start kubelet', 'node.ready', 'is not Ready', 'fail'),
    ('w2', 'systemctl stop containerd', 'systemctl start containerd kubelet', 'host.units', 'containerd.service is inactive', 'fail'),
    ('w1', 'systemctl disable kubelet', 'systemctl enable kubelet', 'host.units', 'would not after a reboot', 'warn'),
    ('w1', 'systemctl disable sealift-renew.timer', 'systemctl enable sealift-renew.timer', 'drift.units', 'sealift-renew.timer is no longer enabled', 'warn'),
    ('w2', 'systemctl stop sealift-api.socket sealift-api', 'systemctl start sealift-api.socket sealift-api', 'balancer.local', 'no API server answers', 'fail'),
    ('w1', 'cp /etc/sealift/mirror.json /root/kept; echo >> /etc/sealift/mirror.json', 'cat /root/kept > /etc/sealift/mirror.json; rm /root/kept', 'drift.files', '/etc/sealift/mirror.json differs', 'warn'),
    ('w2', 'mv /etc/containerd/conf.d/lab.toml /root/kept', 'mv /root/kept /etc/containerd/conf.d/lab.toml', 'drift.files', '/etc/containerd/conf.d/lab.toml was delivered and is gone', 'warn'),
    ('cp3', 'mv /etc/kubernetes/manifests/kube-scheduler.yaml /root/kept', 'mv /root/kept /etc/kubernetes/manifests/kube-scheduler.yaml', 'control-plane.pods', 'kube-scheduler', 'fail'),
    ('cp3', 'mv /etc/kubernetes/manifests/etcd.yaml /root/kept', 'mv /root/kept /etc/kubernetes/manifests/etcd.yaml', 'etcd.answers', 'does not answer', 'fail'),
    ('cp3', 'mv /etc/kubernetes/manifests/kube-apiserver.yaml /root/kept', 'mv /root/kept /etc/kubernetes/manifests/kube-apiserver.yaml', 'control-plane.api', 'does not answer', 'fail'),
])
def test_what_breaks_on_a_host(cluster, lab, name, break_it, mend_it, id, text, verdict):
    with broken(lab, name, break_it, mend_it):
        finds(cluster, id, name, text, verdict, seconds=120)
    is_well(cluster)


def test_an_image_that_no_registry_host_can_give(cluster, lab):
    """The payloads of all registry hosts lose the bytes of their metadata's end, where manifests are: as a disk that fails."""
    for name in PLANES:
        lab.inside(name, 'cd /var/lib/sealift/payloads && for f in *.payload; do mv $f /var/lib/sealift/$f.kept; done; systemctl restart sealift-mirror')
    try:
        finds(cluster, 'mirror.images', 'w1', 'images', seconds=60)
    finally:
        for name in PLANES:
            lab.inside(name, 'cd /var/lib/sealift && for f in *.kept; do mv $f payloads/${f%.kept}; done; systemctl restart sealift-mirror')
    is_well(cluster)


def test_a_disk_that_is_full(cluster, lab):
    """A small file system of its own in place of the kubelet's logs: the machine's disk is nobody's to fill."""
    with broken(lab, 'w1', 'mount -t tmpfs -o size=16m,nr_inodes=4096 tmpfs /var/log && dd if=/dev/zero of=/var/log/full bs=1M count=16 2>/dev/null || true', 'umount -l /var/log'):
        finds(cluster, 'disk.space', 'w1', '/var/log')
    with broken(lab, 'w1', 'mount -t tmpfs -o size=16m,nr_inodes=64 tmpfs /var/log && for i in $(seq 100); do : > /var/log/$i; done 2>/dev/null || true', 'umount -l /var/log'):
        finds(cluster, 'disk.inodes', 'w1', '/var/log')
    is_well(cluster)


def test_names_without_a_server(cluster, lab):
    lab.kubectl('cp1', '-n kube-system scale deployment/coredns --replicas=0')
    try:
        finds(cluster, 'names.hosts', 'w1', 'no answer')
    finally:
        lab.kubectl('cp1', '-n kube-system scale deployment/coredns --replicas=2')
    is_well(cluster)


def test_two_nodes_whose_pods_do_not_reach_each_other(cluster, lab):
    """The hosts reach each other, their pods do not: as with a firewall that knows nothing of VXLAN."""
    pods = json.loads(lab.kubectl('cp1', 'get pods -A -o json'))['items']
    on = {name: any(pod['spec'].get('nodeName') == name and not pod['spec'].get('hostNetwork') and pod['status']['phase'] == 'Running' for pod in pods) for name in WORKERS}
    assert all(on.values()), 'both workers need a pod of their own network'
    other = json.loads(lab.kubectl('cp1', 'get node w2 -o json'))['spec']['podCIDR']
    with broken(lab, 'w1', f"nft add table inet closed && nft add chain inet closed forward '{{ type filter hook forward priority 0; }}' && nft add rule inet closed forward ip daddr {other} drop", 'nft delete table inet closed'):
        one = finds(cluster, 'network.pods', 'w1', 'on w2')
        assert '1 of' in one['evidence'], one
    is_well(cluster)


def test_a_pod_that_crashes_an_image_that_nobody_has_and_a_claim_without_a_volume(cluster, lab):
    image = lab.kubectl('cp1', "get deployment -n kube-system coredns -o 'jsonpath={.spec.template.spec.containers[0].image}'").strip()
    objects = []
    for name, changes in (('crashes', {'image': image, 'args': ['-no-such-option']}), ('imageless', {'image': 'registry.k8s.io/nobody/has:1'})):
        objects.append({'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': name, 'namespace': 'broken'},
                        'spec': {'selector': {'matchLabels': {'app': name}}, 'template': {'metadata': {'labels': {'app': name}}, 'spec': {'containers': [{'name': name, **changes}]}}}})
    objects.append({'apiVersion': 'v1', 'kind': 'PersistentVolumeClaim', 'metadata': {'name': 'data', 'namespace': 'broken'},
                    'spec': {'accessModes': ['ReadWriteOnce'], 'storageClassName': 'none-such', 'resources': {'requests': {'storage': '1Gi'}}}})
    lab.kubectl('cp1', 'create namespace broken')
    try:
        lab.run('exec', 'cp1', 'kubectl', '--kubeconfig', '/etc/kubernetes/admin.conf', 'apply', '-f', '-', input=json.dumps({'apiVersion': 'v1', 'kind': 'List', 'items': objects}))
        finds(cluster, 'app.others', 'Deployment broken/imageless', 'add `IMAGE registry.k8s.io/nobody/has:1`', 'warn', 120)
        finds(cluster, 'app.others', 'Deployment broken/crashes', 'the last lines of broken/crashes-', 'warn', 120)
        finds(cluster, 'app.claims', 'PersistentVolumeClaim broken/data', 'not bound', 'warn')
    finally:
        lab.kubectl('cp1', 'delete namespace broken --wait=true --timeout=120s')


def test_an_application_that_was_stopped_by_hand(cluster, lab):
    lab.kubectl('cp1', 'get deployments -A')
    app = next(item for item in json.loads(lab.kubectl('cp1', 'get deployments -A -o json'))['items'] if item['metadata']['namespace'] != 'kube-system')
    space, name = app['metadata']['namespace'], app['metadata']['name']
    image = app['spec']['template']['spec']['containers'][0]['image']
    container = app['spec']['template']['spec']['containers'][0]['name']
    lab.kubectl('cp1', f'-n {space} set image deployment/{name} {container}=registry.k8s.io/nobody/has:2')
    try:
        def probe():
            return any(one['verdict'] == 'fail' and f'Deployment {space}/{name}' in one['evidence'] for (id, _), several in check(cluster).items() if id == 'app.healthy' for one in several)
        wait_for('the application is found ill', 120, probe)
    finally:
        lab.kubectl('cp1', f'-n {space} set image deployment/{name} {container}={image}')
    is_well(cluster)


def test_nodes_that_are_not_as_cluster_yaml_says(cluster, lab):
    lab.kubectl('cp1', 'cordon w1')
    try:
        finds(cluster, 'node.schedulable', 'w1', 'cordoned', 'warn')
    finally:
        lab.kubectl('cp1', 'uncordon w1')
    hosts = cluster.cluster['spec']['hosts']
    hosts[-1]['labels'] = {'zone': 'a'}
    cluster.write()
    try:
        finds(cluster, 'node.labels', 'w2', 'zone=a', 'warn')
        cluster.cluster['spec']['hosts'] = hosts[:-1]
        cluster.write()
        finds(cluster, 'node.others', 'w2', 'not in cluster.yaml', 'warn')
    finally:
        hosts[-1].pop('labels')
        cluster.cluster['spec']['hosts'] = hosts
        cluster.write()


def test_watch_says_what_changes_until_it_is_stopped(cluster, lab):
    log = cluster.folder / 'watch.log'
    with open(log, 'w') as out:
        process = cluster.start('check', '--watch', output=out)
        try:
            wait_for('the first round', 60, lambda: ' failed' in log.read_text())
            with broken(lab, 'w1', 'systemctl stop sealift-mirror.socket sealift-mirror', 'systemctl start sealift-mirror.socket sealift-mirror'):
                wait_for('the change is told', 60, lambda: '! mirror.answers  w1' in log.read_text())
            wait_for('the mirror is back', 60, lambda: '  mirror.answers  w1' in log.read_text().split('! mirror.answers  w1', 1)[1])
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
    assert process.returncode in (0, 15), log.read_text()
