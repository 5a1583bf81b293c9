# SPDX-License-Identifier: Apache-2.0
"""`check` on real hosts: before the delivery the preflight; a cluster of three control planes and two workers that is well, in
ten seconds at most; then what is broken on purpose, each found under its name, and mended. What does not influence one another
is broken at once: that each is named among the others is a part of what is asked."""
import contextlib
import json
import subprocess
import time
import xml.etree.ElementTree as ElementTree

import certificates
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


def finds(site, wanted, seconds=120):
    """Waits until each of (verdict, id, subject, text) was found: some things take the cluster a moment to notice."""
    missing, last = list(wanted), []

    def probe():
        found = check(site)
        for one in list(missing):
            verdict, id, subject, text = one
            for event in found.get((id, subject), []):
                if event['verdict'] == verdict and text in event['evidence'] + event.get('remedy', ''):
                    assert event['remedy'], event
                    missing.remove(one)
                    break
        last[:] = ill(found)
        return not missing
    try:
        wait_for('what is broken', seconds, probe)
    except AssertionError:
        raise AssertionError('not found:\n' + '\n'.join(map(str, missing)) + '\nbut:\n' + '\n'.join(map(str, last))) from None


def is_well(site, seconds=180):
    def probe():
        probe.last = ill(check(site), ('fail',))
        return not probe.last
    try:
        wait_for('all is well', seconds, probe)
    except AssertionError:
        raise AssertionError('not well:\n' + '\n'.join(map(str, probe.last))) from None


class Broken:
    """What was broken, and mends it in the reverse order."""

    def __init__(self, lab):
        self.lab, self.mends = lab, contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.mends.close()

    def host(self, name, break_it, mend_it):
        self.lab.inside(name, break_it)
        self.mends.callback(self.lab.inside, name, mend_it)

    def moved(self, name, path):
        self.host(name, f'mkdir -p /root/kept && mv {path} /root/kept/', f'mv /root/kept/{path.rpartition("/")[2]} {path}')

    def stopped(self, name, units):
        self.host(name, f'systemctl stop {units}', f'systemctl start {units}')

    def kubectl(self, break_it, mend_it):
        self.lab.kubectl('cp1', break_it)
        self.mends.callback(self.lab.kubectl, 'cp1', mend_it)


def objects(lab, what):
    return json.loads(lab.kubectl('cp1', f'get {what} -o json'))


def test_hosts_whose_keys_nobody_knows(cluster):
    """That says nothing about the cluster; how to go on is told."""
    hosts = cluster.cluster['spec']['hosts']
    keys = [host.pop('hostKey') for host in hosts]
    cluster.write()
    try:
        done = cluster.run('check')
        assert done.code == 9 and '--accept-new-host-keys' in done.output, done.output
    finally:
        for host, key in zip(hosts, keys, strict=True):
            host['hostKey'] = key
        cluster.write()


def test_before_the_delivery_it_is_the_preflight(cluster, lab):
    found = check(cluster)
    assert not ill(found, ('fail',)), ill(found)
    assert any(id == 'disk.space' for id, _ in found) and not any(id == 'node.ready' for id, _ in found)
    with Broken(lab) as broken:
        broken.host('w1', 'mv /etc/machine-id /etc/machine-id.kept; : > /etc/machine-id', 'mv /etc/machine-id.kept /etc/machine-id')
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


def break_hosts(lab, broken, tmp_path):
    broken.stopped('w1', 'sealift-mirror.socket sealift-mirror')
    broken.host('w1', 'systemctl disable kubelet sealift-renew.timer', 'systemctl enable kubelet sealift-renew.timer')
    broken.host('w1', 'cp /etc/sealift/mirror.json /root/kept.json; echo >> /etc/sealift/mirror.json', 'cat /root/kept.json > /etc/sealift/mirror.json')
    # Small file systems of their own in place of logs: the machine's disk is nobody's to fill.
    broken.host('w1', 'mount -t tmpfs -o size=16m,nr_inodes=4096 tmpfs /var/log && dd if=/dev/zero of=/var/log/full bs=1M count=16 2>/dev/null || true', 'umount -l /var/log')
    broken.host('cp2', 'mount -t tmpfs -o size=16m,nr_inodes=64 tmpfs /var/log && (cd /var/log && touch $(seq 100)) 2>/dev/null || true', 'umount -l /var/log')
    broken.stopped('cp2', 'sealift-api.socket sealift-api')
    broken.moved('w2', '/etc/containerd/conf.d/lab.toml')
    broken.moved('cp3', '/etc/kubernetes/manifests/kube-scheduler.yaml')
    pki = f'/proc/{lab.pid("cp2")}/root/etc/kubernetes/pki'
    ended = certificates.old_certificate(tmp_path, pki, f'{pki}/front-proxy-client.key', 'front-proxy-client', 'client', -1)
    broken.moved('cp2', '/etc/kubernetes/pki/front-proxy-client.crt')
    lab.run('exec', 'cp2', 'tee', '/etc/kubernetes/pki/front-proxy-client.crt', input=ended)
    broken.host('cp3', 'cp -a /etc/sealift/pki/node/client.pem /root/client.pem', 'mv /root/client.pem /etc/sealift/pki/node/client.pem')
    certificates.make_old(lab, 'cp3', 'client', tmp_path, days_left=-1)
    return [('fail', 'mirror.answers', 'w1', 'does not answer'),
            ('fail', 'host.units', 'w1', 'sealift-mirror.service is inactive'),
            ('warn', 'host.units', 'w1', 'kubelet.service runs, but is not enabled'),
            ('warn', 'drift.units', 'w1', 'sealift-renew.timer is no longer enabled'),
            ('warn', 'drift.files', 'w1', '/etc/sealift/mirror.json differs'),
            ('fail', 'disk.space', 'w1', '/var/log'),
            ('fail', 'disk.inodes', 'cp2', '/var/log'),
            ('fail', 'balancer.local', 'cp2', 'no API server answers'),
            ('warn', 'drift.files', 'w2', '/etc/containerd/conf.d/lab.toml was delivered and is gone'),
            ('fail', 'control-plane.pods', 'cp3', 'kube-scheduler'),
            ('fail', 'certificates.kubernetes', 'cp2', 'front-proxy-client.crt has ended'),
            ('fail', 'certificates.nodes', 'cp3', 'client.pem has ended')]


def break_workloads(lab, broken):
    """On w2, to which new pods come as soon as w1 takes none."""
    broken.kubectl('cordon w1', 'uncordon w1')
    image = lab.kubectl('cp1', "get deployment -n kube-system coredns -o 'jsonpath={.spec.template.spec.containers[0].image}'").strip()
    own = [{'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': 'broken'}}]
    for name, changes in (('crashes', {'image': image, 'args': ['-no-such-option']}), ('imageless', {'image': 'registry.k8s.io/nobody/has:1'})):
        own.append({'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': name, 'namespace': 'broken'},
                    'spec': {'selector': {'matchLabels': {'app': name}}, 'template': {'metadata': {'labels': {'app': name}}, 'spec': {'containers': [{'name': name, **changes}]}}}})
    own.append({'apiVersion': 'v1', 'kind': 'PersistentVolumeClaim', 'metadata': {'name': 'data', 'namespace': 'broken'},
                'spec': {'accessModes': ['ReadWriteOnce'], 'storageClassName': 'none-such', 'resources': {'requests': {'storage': '1Gi'}}}})
    own.append({'apiVersion': 'apiregistration.k8s.io/v1', 'kind': 'APIService', 'metadata': {'name': 'v1.broken.example.com'},
                'spec': {'group': 'broken.example.com', 'version': 'v1', 'groupPriorityMinimum': 100, 'versionPriority': 100, 'insecureSkipTLSVerify': True,
                         'service': {'name': 'nobody', 'namespace': 'broken'}}})
    broken.mends.callback(lab.kubectl, 'cp1', 'delete namespace broken --wait=false')
    broken.mends.callback(lab.kubectl, 'cp1', 'delete apiservice v1.broken.example.com')
    lab.run('exec', 'cp1', 'kubectl', '--kubeconfig', '/etc/kubernetes/admin.conf', 'apply', '-f', '-', input=json.dumps({'apiVersion': 'v1', 'kind': 'List', 'items': own}))
    # of an application: an image that nobody has, in place of its own
    redis = objects(lab, 'deployment redis')['spec']['template']['spec']['containers'][0]
    broken.kubectl(f'set image deployment/redis {redis["name"]}=registry.k8s.io/nobody/has:2', f'set image deployment/redis {redis["name"]}={redis["image"]}')
    broken.kubectl('-n kube-system scale deployment/coredns --replicas=0', '-n kube-system scale deployment/coredns --replicas=2')
    return [('warn', 'app.others', 'Deployment broken/imageless', 'add `IMAGE registry.k8s.io/nobody/has:1`'),
            ('warn', 'app.others', 'Deployment broken/crashes', 'the last lines of broken/crashes-'),
            ('warn', 'app.claims', 'PersistentVolumeClaim broken/data', 'not bound'),
            ('warn', 'app.others', 'APIService v1.broken.example.com', 'nobody'),
            ('fail', 'app.healthy', 'redis', 'Deployment default/redis'),
            ('fail', 'names.hosts', 'w1', 'no answer'),
            ('fail', 'names.pods', 'w2', 'no answer'),
            ('warn', 'node.schedulable', 'w1', 'cordoned')]


def test_twenty_things_at_once(cluster, lab, tmp_path):
    hosts = cluster.cluster['spec']['hosts']
    with Broken(lab) as broken:
        wanted = break_workloads(lab, broken) + break_hosts(lab, broken, tmp_path)
        hosts[-1]['labels'] = {'zone': 'a'}
        broken.mends.callback(hosts[-1].pop, 'labels')
        cluster.write()
        finds(cluster, [*wanted, ('warn', 'node.labels', 'w2', 'zone=a')])
    cluster.cluster['spec']['hosts'] = hosts[:-1]
    cluster.write()
    try:
        finds(cluster, [('warn', 'node.others', 'w2', 'not in cluster.yaml')])
    finally:
        cluster.cluster['spec']['hosts'] = hosts
        cluster.write()


def test_what_stops_half_of_a_cluster(cluster, lab):
    """A node's runtime, a control plane's etcd, another one's API server, the pods' network between two nodes (the hosts reach
    each other: as with a firewall that knows nothing of VXLAN), and the images of every registry host."""
    pods = objects(lab, 'pods -A')['items']
    on = {name: any(pod['spec'].get('nodeName') == name and not pod['spec'].get('hostNetwork') and pod['status']['phase'] == 'Running' for pod in pods) for name in WORKERS}
    assert all(on.values()), 'both workers need a pod of their own network'
    other = objects(lab, 'node w2')['spec']['podCIDR']
    with Broken(lab) as broken:
        # what needs containerd is stopped with it
        broken.host('w2', 'systemctl stop containerd', 'systemctl start containerd kubelet')
        broken.moved('cp3', '/etc/kubernetes/manifests/etcd.yaml')
        broken.moved('cp2', '/etc/kubernetes/manifests/kube-apiserver.yaml')
        broken.host('w1', f"nft add table inet closed && nft add chain inet closed forward '{{ type filter hook forward priority 0; }}' && "
                          f'nft add rule inet closed forward ip daddr {other} drop', 'nft delete table inet closed')
        for name in PLANES:
            broken.host(name, 'mv /var/lib/sealift/payloads/*.payload /var/lib/sealift/ && systemctl restart sealift-mirror',
                        'mv /var/lib/sealift/*.payload /var/lib/sealift/payloads/ && systemctl restart sealift-mirror')
        finds(cluster, [('fail', 'host.units', 'w2', 'containerd.service is inactive'),
                        ('fail', 'host.units', 'w2', 'kubelet.service is inactive'),
                        ('fail', 'node.ready', 'w2', 'is not Ready'),
                        ('fail', 'etcd.answers', 'cp3', 'does not answer'),
                        ('fail', 'control-plane.api', 'cp2', 'does not answer'),
                        ('fail', 'network.pods', 'w1', '1 of'),
                        ('fail', 'network.pods', 'w1', 'on w2'),
                        ('fail', 'mirror.images', 'w1', 'images')])
    is_well(cluster)


def test_what_was_deleted_comes_back(cluster, lab):
    """Objects of applications that are missing, of a chart and of manifests: told by `check` and `status`, brought by `apply`."""
    lab.kubectl('cp1', 'delete deployment nginx echo --wait=true')
    finds(cluster, [('fail', 'app.healthy', 'nginx', 'Deployment default/nginx is not there'), ('fail', 'app.healthy', 'echo', 'Deployment default/echo is not there')])
    status = cluster.run('status')
    assert status.code == 15 and 'Deployment default/nginx' in status.output and 'Deployment default/echo' in status.output, status.output
    cluster.deliver()
    assert not ill(check(cluster), ('fail',)), ill(check(cluster))
    second = cluster.deliver()
    assert 'nothing to do' in second.output.lower(), second.output


def test_watch_says_what_changes_until_it_is_stopped(cluster, lab):
    """A host's power goes and comes back."""
    log = cluster.folder / 'watch.log'
    with open(log, 'w') as out:
        process = cluster.start('check', '--watch', output=out)
        try:
            wait_for('the first round', 60, lambda: ' failed' in log.read_text())
            lab.run('kill', 'w2')
            try:
                wait_for('the change is told', 90, lambda: '! host.answers  w2' in log.read_text())
            finally:
                lab.run('start', 'w2')
            wait_for('the host is back', 120, lambda: '  host.answers  w2' in log.read_text().split('! host.answers  w2', 1)[1])
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
    assert process.returncode in (0, 15), log.read_text()
