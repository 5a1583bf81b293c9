# SPDX-License-Identifier: Apache-2.0
"""A cluster made by hand with kubeadm, and an artifact without a base that comes onto it (`existing`): its pod runs with an image that
only the mirror has, what else the cluster pulls goes where it went before, a second run finds nothing to do, and `reset` takes off
the hosts what was put there while every pod runs on. What is claimed is asked of the cluster and the hosts."""
import json
import pathlib
import subprocess
import sys

import pytest

from lab import Site, mirror_get, wait_for
from many_apps import IMAGE, NAMESPACE, PACKER, STUB, chart, objects, releases
from site_registries import SiteRegistry

for folder in ('cli', 'bench'):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / folder))
from by_hand import ByHand
from registry_server import kube_paths

LAB = 41
LOGIN = ('robot-a', 'of-a-7f3k')
HOSTS = ('cp1', 'w1')
ON_ALL = ('pause', 'kube-proxy', 'coredns', 'flannel')
IMAGES = {'control-plane': (*ON_ALL, 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'), 'worker': ON_ALL}
HOSTS_TOML = '/etc/containerd/certs.d/_default/hosts.toml'
# What is the cluster's, on a host.
THEIRS = '/etc/kubernetes /etc/cni /opt/cni /etc/containerd/config.toml /etc/containerd/conf.d /var/lib/kubelet/config.yaml /usr/local/bin'


@pytest.fixture(scope='module')
def cluster(lab, tmp_path_factory):
    """By hand, without Sealift. Gone are the images that the application needs."""
    lab.up(*HOSTS, 'site')
    hand = ByHand(lab, tmp_path_factory.mktemp('hand'), ('cp1',), ('w1',), IMAGES)
    hand.prepare()
    hand.install_all()
    hand.init()
    hand.network()
    hand.join()
    hand.wait_until_ready()
    return hand


@pytest.fixture(scope='module')
def artifact_without_base(tmp_path_factory):
    folder = tmp_path_factory.mktemp('late')
    chart(folder / 'charts/late', 'late', 2)
    (folder / 'Kubefile').write_text('\n'.join([
        'FROM scratch', 'REQUIRES kubernetes >=1.31', f'APP late local://charts/late NAMESPACE {NAMESPACE}', 'LAUNCH ["late"]']) + '\n')
    out = folder / 'late.run'
    subprocess.run([PACKER, 'build', '-f', folder / 'Kubefile', '-t', 'late:1.0', '-o', out, '--stub', STUB, '--tools', kube_paths()['BIN'],
                    '--images', f'oci:{kube_paths()["LAYOUT"]}', folder], check=True, stdout=subprocess.DEVNULL)
    return out


@pytest.fixture(scope='module')
def site(lab, cluster, artifact_without_base, tmp_path_factory):
    site = Site(lab, tmp_path_factory.mktemp('site'), workers=('w1',), artifact=artifact_without_base)
    write(site, {})
    return site


def write(site, existing):
    """Nothing of what a cluster of ours would have."""
    spec = site.cluster['spec']
    spec.pop('files', None)
    spec['existing'] = existing
    site.config.write_text(json.dumps(site.cluster, indent=1))


def theirs(lab, name):
    return lab.inside(name, f'find {THEIRS} -xdev -type f -exec sha256sum {{}} + | sort')


def started(lab, name):
    """When containerd and the kubelet were started: they are not restarted."""
    return lab.inside(name, 'systemctl show -p ActiveEnterTimestampMonotonic containerd kubelet')


def pods(lab):
    """By name, the state and the number of restarts of every pod."""
    items = json.loads(lab.kubectl('cp1', 'get pods --all-namespaces -o json'))['items']
    return {pod['metadata']['name']: (pod['status']['phase'], sum(one['restartCount'] for one in pod['status'].get('containerStatuses', []))) for pod in items}


def test_an_application_comes_onto_the_cluster(lab, site):
    before = {name: (theirs(lab, name), started(lab, name)) for name in HOSTS}
    plan = site.deliver('plan').output
    assert 'must be solved' not in plan, plan
    for name in HOSTS:
        assert not lab.inside(name, 'ls /etc/sealift 2>/dev/null', check=False), 'a plan changes nothing'
    site.deliver()
    assert releases(lab)['late'][0] == 'deployed'
    assert objects(lab, 'deployments')['late']['status']['availableReplicas'] == 2
    for name in HOSTS:
        assert (theirs(lab, name), started(lab, name)) == before[name]
        assert 'capabilities' in lab.inside(name, f'cat {HOSTS_TOML}')
        assert lab.inside(name, 'systemctl is-active sealift-mirror').strip() == 'active'
        assert not lab.inside(name, 'systemctl cat sealift-api sealift-boot 2>/dev/null', check=False)
    status, _ = mirror_get(lab, 'w1', '/v2/example/echo/manifests/1.0?ns=quay.io')
    assert status == 200, 'the worker has it from the registry host'
    assert any(IMAGE in lab.inside(name, 'ctr -n k8s.io images ls -q') for name in HOSTS), 'no other place has it'
    # What the mirror does not have goes on to its registry, which nobody reaches here.
    # Which of the two hosts' errors containerd tells in the end is its own affair: what it asked stands in its journal.
    said = lab.run('exec', 'w1', 'sh', '-c', 'ctr -n k8s.io images pull --hosts-dir /etc/containerd/certs.d registry.example/none:1', check=False)
    assert said.returncode != 0 and 'https://registry.example/v2/' in lab.inside('w1', 'journalctl -u containerd --no-pager') + said.stdout + said.stderr, said


def test_again_there_is_nothing_to_do(lab, site):
    assert 'nothing to do' in site.deliver().output
    events = site.deliver('list', '--cluster', '--log-format', 'json').events
    assert [event['name'] for event in events if event['event'] == 'artifact'] == ['late']
    assert 'artifact late' in site.deliver('status').output
    refused = site.run('remove', 'w1', '--yes')
    assert refused.code != 0 and 'Sealift made' in refused.output, refused.output


def test_with_a_kubeconfig_of_its_own(lab, site):
    file = site.folder / 'deployer.conf'
    file.write_text(lab.inside('cp1', 'cat /etc/kubernetes/admin.conf'))
    file.chmod(0o600)
    write(site, {'kubeconfig': 'deployer.conf'})
    site.deliver()
    assert lab.inside('cp1', 'stat -c %a /etc/sealift/kubeconfig').strip() == '600'
    assert not lab.inside('w1', 'ls /etc/sealift/kubeconfig 2>/dev/null', check=False)
    assert 'nothing to do' in site.deliver().output


def test_its_images_move_to_a_registry_of_the_site(lab, site, tmp_path):
    """And nodes that have lost one get it from there, under its own name."""
    registry = SiteRegistry(lab, 'site', 5443, LOGIN, tmp_path / 'registry')
    try:
        site.cluster['spec']['registry'] = {'external': {'url': f'https://{registry.name}/plant7', 'caFile': str(registry.folder / 'ca.crt'),
                                                         'user': LOGIN[0], 'password': {'file': str(registry.folder / 'password')}}}
        write(site, {'kubeconfig': 'deployer.conf'})
        site.deliver()
        assert 'nothing to do' in site.deliver().output
        assert 'PUT /v2/plant7/quay.io/example/echo/manifests/' in registry.notes.read_text()
        registry.notes.write_text('')
        for name in HOSTS:
            lab.inside(name, f'ctr -n k8s.io images ls -q | grep {IMAGE.rsplit(":", 1)[0]} | xargs -r ctr -n k8s.io images rm --sync')
        lab.kubectl('cp1', f'--namespace {NAMESPACE} delete pods --all')
        wait_for('new pods, with images from the registry', 120, lambda: objects(lab, 'deployments')['late']['status'].get('availableReplicas') == 2)
        assert '/v2/plant7/quay.io/example/echo/manifests/' in registry.notes.read_text()
        assert site.run('check').code == 0
    finally:
        site.cluster['spec'].pop('registry')
        write(site, {'kubeconfig': 'deployer.conf'})
        back = site.deliver()
        registry.close()
    assert 'nothing to do' not in back.output and 'nothing to do' in site.deliver().output
    assert mirror_get(lab, 'w1', '/v2/example/echo/manifests/1.0?ns=quay.io')[0] == 200


def test_a_reset_leaves_the_cluster(lab, site):
    before, files = pods(lab), {name: (theirs(lab, name), started(lab, name)) for name in HOSTS}
    told = site.deliver('reset', '--verify', '--yes').output
    assert 'remove --app' in told, told
    for name in HOSTS:
        assert (theirs(lab, name), started(lab, name)) == files[name]
        left = lab.inside(name, 'ls -d /etc/sealift /var/lib/sealift /usr/local/lib/sealift /etc/systemd/system/sealift-* ' + HOSTS_TOML + ' 2>/dev/null', check=False)
        assert not left, left
    after = wait_for('the API', 60, lambda: pods(lab))
    assert after == before, (before, after)
    assert IMAGE in lab.inside('w1', 'ctr -n k8s.io images ls -q') + lab.inside('cp1', 'ctr -n k8s.io images ls -q')
