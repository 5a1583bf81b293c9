# SPDX-License-Identifier: Apache-2.0
"""Several control planes on real hosts: three and two workers from nothing, the API through every balancer while one of them
has no power, one that is added while the cluster serves, a worker that leaves with a budget in its way, the first control
plane dead for good and replaced, and the way back to one."""
import json

import pytest

from footprint import footprint
from lab import Site, http_get, wait_for
from living import Client, kubelets, left_behind, members_of, nodes_of

LAB = 11
PLANES, WORKERS = ('cp1', 'cp2', 'cp3'), ('w1', 'w2')


@pytest.fixture(scope='module')
def cluster(lab, tmp_path_factory, artifact):
    """The shop on two control planes and two workers; the first test adds the third one."""
    lab.up(*PLANES, *WORKERS)
    site = Site(lab, tmp_path_factory.mktemp('site'), workers=WORKERS, control_planes=PLANES)
    assert site.run('plan').code == 0  # a login makes what a login makes
    site.before = {name: footprint(lab, name) for name in (*PLANES, *WORKERS)}
    return site


def without(site, *names):
    """Leaves these hosts out of cluster.yaml; returns all of them."""
    spec = site.cluster['spec']
    all_hosts = list(spec['hosts'])
    spec['hosts'] = [host for host in all_hosts if host['name'] not in names]
    site.write()
    return all_hosts


def test_a_control_plane_joins_while_the_cluster_serves(cluster, lab):
    """Two from nothing; then the third one, named first."""
    all_hosts = without(cluster, 'cp3')
    done = cluster.deliver()
    assert 'of 2 control planes 2 must be there' in done.output, done.output
    assert nodes_of(lab) == ({'cp1', 'cp2', *WORKERS}, {'cp1', 'cp2'})
    assert members_of(lab) == {'cp1': False, 'cp2': False}
    before = kubelets(lab, ('cp1', 'cp2', *WORKERS))

    cluster.cluster['spec']['hosts'] = [all_hosts[2], *all_hosts[:2], *all_hosts[3:]]
    cluster.write()
    clients = [Client(lab, name, 60) for name in ('cp1', 'w1', 'w2')]
    cluster.deliver()
    assert [client.failures() for client in clients] == [[], [], []]
    assert nodes_of(lab) == ({*PLANES, *WORKERS}, set(PLANES))
    assert members_of(lab) == dict.fromkeys(PLANES, False)
    # nobody's kubelet was restarted
    assert kubelets(lab, before) == before
    assert 'nothing to do' in cluster.deliver().output


def test_the_keys_are_where_they_belong(cluster, lab):
    for name in (*PLANES, *WORKERS):
        there = lab.inside(name, 'ls /etc/kubernetes/pki/ca.key /etc/sealift/pki/ca.key 2>/dev/null', check=False).split()
        assert len(there) == (2 if name in PLANES else 0), f'{name}: {there}'
        assert 'PRIVATE KEY' not in lab.inside(name, 'find /var/lib/sealift/ledger -type f -exec cat {} +')
        assert 'kubeadm-join.yaml' not in lab.inside(name, 'ls -R /var/lib/sealift/ledger /run/sealift')
    same = {lab.inside(name, 'cat /etc/kubernetes/pki/*ca.key /etc/kubernetes/pki/sa.key /etc/kubernetes/pki/etcd/ca.key | sha256sum') for name in PLANES}
    assert len(same) == 1
    secrets = lab.kubectl('cp1', 'get secrets --namespace kube-system -o name')
    assert 'kubeadm-certs' not in secrets


def test_any_of_them_serves_images_and_the_api(cluster, lab):
    """Also the first one may lose its power."""
    lab.run('kill', 'cp1')
    try:
        clients = [Client(lab, name, 30) for name in WORKERS]
        for client in clients:
            for failure in client.failures():
                assert float(failure.split(' after ')[1].split()[0]) <= 5, failure
        # what nobody has pulled yet comes from another registry host
        image = 'registry.k8s.io/kube-apiserver'
        pulled = lab.inside('w1', f'ctr -n k8s.io images ls -q | grep -c {image} || true').strip()
        assert pulled == '0', 'it is there already: nothing would be shown'
        version = json.loads(lab.kubectl('cp2', 'version -o json'))['serverVersion']['gitVersion']
        lab.inside('w1', f'ctr -n k8s.io images pull --hosts-dir /etc/containerd/certs.d {image}:{version}')
        status = cluster.run('status')
        assert status.code == 15 and 'control plane cp1' in status.output and 'Absent' in status.output, status.output
        assert 'cp2' in status.output
        refused = cluster.run('plan')
        assert refused.code == 8 and lab.ip('cp1') in refused.output, refused.output
    finally:
        lab.run('start', 'cp1')
    wait_for('cp1 votes again', 180, lambda: members_of(lab) == dict.fromkeys(PLANES, False) and nodes_of(lab)[0] == {*PLANES, *WORKERS})
    wait_for('the application answers', 120, lambda: ' 200 ' in http_get(lab.ip('w1'), 30080)[0])
    wait_for('all is well', 120, lambda: cluster.run('status').code == 0)
    assert 'nothing to do' in cluster.deliver().output


BUDGET = """apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: echo}
spec: {minAvailable: 2, selector: {matchLabels: {app: echo}}}
"""


def echo_on(lab, name, asked='cp2'):
    pods = json.loads(lab.kubectl(asked, 'get pods -l app=echo -o json'))['items']
    return [pod['metadata']['name'] for pod in pods if pod['spec'].get('nodeName') == name]


def test_a_worker_leaves_though_something_is_in_its_way(cluster, lab):
    lab.inside('cp2', f"cat > /tmp/budget.yaml <<'E'\n{BUDGET}E")
    lab.kubectl('cp2', 'apply -f /tmp/budget.yaml')
    if not echo_on(lab, 'w2'):
        lab.kubectl('cp2', 'cordon w1')
        lab.kubectl('cp2', 'rollout restart deployment echo')
        wait_for('an echo on w2', 60, lambda: echo_on(lab, 'w2'))
        lab.kubectl('cp2', 'uncordon w1')
        wait_for('echo is whole', 90, lambda: lab.kubectl('cp2', 'get deployment echo -o jsonpath={.status.readyReplicas}') == '2')
    lab.kubectl('cp2', """run lonely --image=quay.io/example/echo:1.0 --overrides='{"spec":{"nodeName":"w2"}}'""")
    wait_for('lonely runs', 60, lambda: 'Running' in lab.kubectl('cp2', 'get pod lonely'))

    lost = cluster.run('remove', 'w2', '--yes')
    assert lost.code == 12 and 'lonely' in lost.output and '--force' in lost.output, lost.output
    late = cluster.run('remove', 'w2', '--yes', '--force', '--timeout', '15s')
    assert late.code == 15 and 'echo' in late.output and 'uncordon' in late.output, late.output
    node = json.loads(lab.kubectl('cp2', 'get node w2 -o json'))
    assert node['spec']['unschedulable'] is True

    lab.kubectl('cp2', """patch poddisruptionbudget echo -p '{"spec":{"minAvailable":1}}'""")
    clients = [Client(lab, name, 60) for name in ('cp1', 'w1')]
    done = cluster.deliver('remove', 'w2', '--yes', '--force')
    assert 'take w2 out of' in done.output, done.output
    assert [client.failures() for client in clients] == [[], []]
    assert nodes_of(lab) == ({*PLANES, 'w1'}, set(PLANES))
    assert left_behind(lab, cluster.before, 'w2') == []
    twice = cluster.run('remove', 'w2', '--yes')
    assert twice.code == 7 and 'is not a node of the cluster' in twice.output, twice.output
    without(cluster, 'w2')
    assert 'nothing to do' in cluster.deliver().output


def test_a_control_plane_that_died_for_good_is_replaced(cluster, lab):
    alive = cluster.run('remove', 'cp1', '--dead', '--yes')
    assert alive.code == 12 and 'answers' in alive.output, alive.output
    lab.run('kill', 'cp1')
    away = cluster.run('remove', 'cp1', '--yes')
    assert away.code == 8 and '--dead' in away.output, away.output
    client = Client(lab, 'w1', 60)
    cluster.deliver('remove', 'cp1', '--dead', '--yes')
    assert members_of(lab, 'cp2') == {'cp2': False, 'cp3': False}
    assert nodes_of(lab, 'cp2') == ({'cp2', 'cp3', 'w1'}, {'cp2', 'cp3'})
    for failure in client.failures():
        assert float(failure.split(' after ')[1].split()[0]) <= 5, failure
    lab.run('destroy', 'cp1')
    lab.up('cp4')
    hosts = without(cluster, 'cp1')
    planes = [host for host in hosts if host['role'] == 'control-plane' and host['name'] != 'cp1']
    cluster.cluster['spec']['hosts'] = [*planes, {'address': lab.ip('cp4'), 'name': 'cp4', 'role': 'control-plane', 'hostKey': lab.fingerprint('cp4')},
                                        *[host for host in hosts if host['name'] == 'w1']]
    cluster.write()
    client = Client(lab, 'w1', 60)
    cluster.deliver()
    assert client.failures() == []
    assert members_of(lab, 'cp2') == dict.fromkeys(('cp2', 'cp3', 'cp4'), False)
    assert nodes_of(lab, 'cp2') == ({'cp2', 'cp3', 'cp4', 'w1'}, {'cp2', 'cp3', 'cp4'})
    assert 'nothing to do' in cluster.deliver().output


def test_back_to_one_control_plane(cluster, lab):
    client = Client(lab, 'w1', 60)
    cluster.deliver('remove', 'cp3', 'cp2', '--yes', '--force')
    assert client.failures() == []
    assert members_of(lab, 'cp4') == {'cp4': False}
    assert nodes_of(lab, 'cp4') == ({'cp4', 'w1'}, {'cp4'})
    assert left_behind(lab, cluster.before, 'cp2', 'cp3') == []
    last = cluster.run('remove', 'cp4', '--yes')
    assert last.code == 12 and 'last control plane' in last.output, last.output
    without(cluster, 'cp2', 'cp3')
    cluster.deliver()
    wait_for('the application answers', 120, lambda: ' 200 ' in http_get(lab.ip('w1'), 30080)[0])
    assert 'nothing to do' in cluster.deliver().output
