# SPDX-License-Identifier: Apache-2.0
"""A site with an etcd and a balancer of its own: real ones, before real control planes."""
import signal
import subprocess
import time

import pytest
import yaml

from footprint import differences, footprint
from lab import Site, places_of, wait_for
from living import left_behind, nodes_of
from site_services import Etcd, balancer, kube_programs

LAB = 15
HOSTS = ('cp1', 'cp2', 'w1')
PORT = 8443  # of the balancer


@pytest.fixture(scope='module')
def etcd(lab, tmp_path_factory):
    lab.up(*HOSTS, 'site')
    etcd = Etcd(lab, 'site', tmp_path_factory.mktemp('etcd'))
    yield etcd
    etcd.close()


@pytest.fixture(scope='module')
def front(lab, etcd, tmp_path_factory):
    program = balancer(lab, 'site', PORT, [f'{lab.ip(name)}:6443' for name in ('cp1', 'cp2')], tmp_path_factory.mktemp('front'))
    yield program
    program.close()


@pytest.fixture(scope='module')
def cluster(lab, etcd, front, tmp_path_factory):
    site = Site(lab, tmp_path_factory.mktemp('site'), workers=('w1',), control_planes=('cp1', 'cp2'))
    site.cluster['spec']['etcd'] = etcd.fields()
    site.cluster['spec']['api'] = {'balancer': {'address': lab.ip('site'), 'port': PORT, 'workers': True}}
    site.write()
    return site


@pytest.fixture(scope='module')
def before(cluster, lab):
    for name in HOSTS:
        lab.inside(name, 'systemctl start systemd-logind')
    assert cluster.run('plan').code == 0
    return {name: footprint(lab, name) for name in HOSTS}


def ask_api(lab, text, what):
    """The API by a kubeconfig, from a host that is no node."""
    kubectl = ['nsenter', '-t', str(lab.pid('site')), '-n', str(kube_programs() / 'kubectl'), '--kubeconfig', '/dev/stdin', *what.split()]
    return subprocess.run(kubectl, input=text, capture_output=True, text=True, timeout=60)


def test_an_etcd_in_use_is_refused_before_anything_is_changed(cluster, lab, etcd, before):
    etcd.ctl('put', '/registry/namespaces/other', 'of another cluster')
    refused = cluster.run()
    assert refused.code == 12 and 'finds 1 object of a cluster' in refused.output and 'etcdctl del --prefix /registry/' in refused.output, refused.output
    etcd.ctl('del', '--prefix', '/registry/')
    etcd.ctl('put', '/other/key', "somebody's")
    wrong = dict(cluster.cluster['spec']['etcd']['external'], endpoints=[etcd.endpoint.replace(':2379', ':2399')])
    right, cluster.cluster['spec']['etcd'] = cluster.cluster['spec']['etcd'], {'external': wrong}
    cluster.write()
    away = cluster.run()
    cluster.cluster['spec']['etcd'] = right
    cluster.write()
    assert away.code == 12 and 'gets no answer from the site' in away.output and ':2399' in away.output, away.output
    assert differences(lab, before, but=('/usr/local/lib/sealift',)) == []  # the agent stays for the next apply


def test_delivered_with_a_kill_in_kubeadm(cluster, lab, etcd):
    """What the interrupted attempt wrote into etcd is no other cluster's."""
    process = cluster.start()
    wait_for('kubeadm writes into etcd', 300, lambda: etcd.count() > 20)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    lab.inside('cp1', 'systemctl kill --signal=KILL sealift-kubeadm-init.service', check=False)
    cluster.deliver()
    assert nodes_of(lab) == ({'cp1', 'cp2', 'w1'}, {'cp1', 'cp2'})
    assert not lab.inside('cp1', 'ls /etc/kubernetes/manifests/etcd.yaml', check=False)
    assert etcd.count() > 100
    assert 'nothing to do' in cluster.deliver().output
    status = cluster.run('status')
    assert status.code == 0 and f'etcd {etcd.endpoint}' in status.output and f'balancer {lab.ip("site")}:{PORT}' in status.output, status.output


def test_the_key_of_etcd_is_where_it_must_be_alone(lab, etcd):
    key = [line for line in (etcd.folder / 'client.key').read_text().splitlines() if len(line) == 64]
    for name in HOSTS:
        found = [place for place in places_of(lab, name, key[:2]) if place != '/etc/sealift/etcd/client.key']
        assert found == [], f'{name}: {found}'
    assert lab.inside('cp1', 'stat -c "%a %U" /etc/sealift/etcd/client.key').strip() == '600 root'
    assert lab.inside('w1', 'ls /etc/sealift/etcd', check=False) == ''


def test_people_and_workers_use_the_balancer(cluster, lab):
    kubeconfig = cluster.deliver('kubeconfig').output
    assert yaml.safe_load(kubeconfig)['clusters'][0]['cluster']['server'] == f'https://{lab.ip("site")}:{PORT}'
    asked = ask_api(lab, kubeconfig, 'get nodes')
    assert asked.returncode == 0 and asked.stdout.count(' Ready ') == 3, asked
    assert lab.ip('site') in lab.inside('w1', 'cat /etc/sealift/balancer.json')
    assert lab.ip('site') not in lab.inside('cp1', 'cat /etc/sealift/balancer.json')


def test_a_name_that_comes_later(cluster, lab):
    pid = lab.inside('cp1', 'pgrep -x kube-apiserver')
    cluster.cluster['spec']['api']['certSANs'] = ['k8s.site.lan']
    cluster.write()
    done = cluster.deliver()
    assert 'k8s.site.lan' in done.output, done.output
    for name in ('cp1', 'cp2'):
        shown = wait_for(f'the API server of {name} has the name', 150, lambda: (
            text := lab.switch('openssl', 's_client', '-connect', f'{lab.ip(name)}:6443', '-servername', 'k8s.site.lan', '-verify_hostname', 'k8s.site.lan')) and 'hostname mismatch' not in text.lower() and text)
        assert 'BEGIN CERTIFICATE' in shown
    assert lab.inside('cp1', 'pgrep -x kube-apiserver') == pid  # without a restart
    assert 'k8s.site.lan' in lab.kubectl('cp1', '-n kube-system get configmap kubeadm-config -o yaml')
    assert 'nothing to do' in cluster.deliver().output


def test_what_cant_change_is_refused(cluster, lab, etcd):
    kept = cluster.cluster['spec'].pop('etcd')
    cluster.write()
    refused = cluster.run()
    cluster.cluster['spec']['etcd'] = kept
    cluster.write()
    assert refused.code == 4 and etcd.endpoint in refused.output and "the control planes' own" in refused.output, refused.output


def test_a_control_plane_leaves_and_the_last_one_stays(cluster, lab, before):
    done = cluster.run('remove', 'cp2', '--yes')
    assert done.code == 0, done.output
    assert nodes_of(lab) == ({'cp1', 'w1'}, {'cp1'})
    assert left_behind(lab, before, 'cp2') == []
    cluster.cluster['spec']['hosts'] = [host for host in cluster.cluster['spec']['hosts'] if host['name'] != 'cp2']
    cluster.write()
    last = cluster.run('remove', 'cp1', '--yes')
    assert last.code == 12 and "the last one can't be removed" in last.output, last.output


def test_reset_leaves_the_etcd_as_it_was(cluster, lab, etcd, before):
    process = cluster.start('reset', '--yes', '--verify')
    time.sleep(3)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    done = cluster.run('reset', '--yes', '--verify')
    assert done.code == 0, done.output
    assert left_behind(lab, before, *HOSTS) == []
    assert etcd.count() == 0
    assert etcd.ctl('get', '/other/key').split() == ['/other/key', "somebody's"]
    cluster.deliver()  # it is empty, so the next cluster finds nothing
    assert nodes_of(lab) == ({'cp1', 'w1'}, {'cp1'})
