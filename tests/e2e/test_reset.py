# SPDX-License-Identifier: Apache-2.0
"""A delivery undone on real hosts: compared with what they were by other means than Sealift's own, cut in the middle,
delivered again."""
import signal
import time

import pytest

from footprint import differences, footprint
from lab import Site, http_get, wait_for

LAB = 12
HOSTS = ('cp1', 'w1')
# The site's own, which the delivery replaces; larger than what the ledger keeps of files that it has written itself.
RUNC = '/usr/local/bin/runc'


@pytest.fixture(scope='module')
def cluster(lab, tmp_path_factory, artifact):
    lab.up(*HOSTS)
    for name in HOSTS:
        lab.inside(name, f'head -c 3000000 /dev/urandom > {RUNC}; chmod 0700 {RUNC}; mkdir -p /etc/cni/net.d; systemctl start systemd-logind')
    return Site(lab, tmp_path_factory.mktemp('site'), workers=('w1',))


@pytest.fixture(scope='module')
def before(cluster, lab):
    """Once a login has made what a login makes."""
    assert cluster.run('plan').code == 0
    return {name: footprint(lab, name) for name in HOSTS}


def check_as_before(lab, before, but=()):
    left = differences(lab, before, but)
    assert left == [], '\n'.join(left)


def test_it_asks_first(cluster, lab, before):
    refused = cluster.run('reset')
    assert refused.code == 2 and '--yes' in refused.output, refused.output
    nothing = cluster.run('reset', '--yes', '--verify')
    assert nothing.code == 0 and 'nothing to do' in nothing.output, nothing.output
    check_as_before(lab, before)


def test_hosts_become_what_they_were(cluster, lab, before):
    cluster.deliver()
    wait_for('the application answers', 120, lambda: ' 200 ' in http_get(lab.ip('w1'), 30080)[0])
    assert lab.inside('w1', f'stat -c %s {RUNC}', check=False).strip() != '3000000'
    lab.inside('w1', 'echo hello > /etc/motd.site')  # somebody else's, since
    # A run that ended in its middle, while it tried whether the host can mount an overlay.
    lab.inside('w1', 'cd /var/lib && mkdir -p .sealift-overlay/u .sealift-overlay/w/work && mknod .sealift-overlay/u/file c 0 0')
    process = cluster.start('reset', '--yes', '--verify')
    time.sleep(4)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    done = cluster.run('reset', '--yes', '--verify')
    assert done.code == 0, done.output
    check_as_before(lab, before, but=('/etc/motd.site',))
    assert lab.inside('w1', 'cat /etc/motd.site') == 'hello\n'
    again = cluster.run('reset', '--yes', '--verify')
    assert again.code == 0 and 'nothing to do' in again.output, again.output
    assert cluster.run('status').code == 7
    lab.inside('w1', 'rm /etc/motd.site')


def test_delivered_again_and_undone_again(cluster, lab, before):
    """The worker by a command of its own."""
    hosts = list(cluster.cluster['spec']['hosts'])
    cluster.cluster['spec']['hosts'] = hosts[:1]
    cluster.write()
    cluster.deliver()
    cluster.cluster['spec']['hosts'] = hosts
    cluster.write()
    planned = cluster.deliver('join', '--dry-run')
    assert 'kubeadm join: w1' in planned.output and 'nothing was changed' in planned.output, planned.output
    joined = cluster.deliver('join')
    assert 'w1' in joined.output, joined.output
    nodes = lab.inside('cp1', 'HOME=/tmp kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes; rm -rf /tmp/.kube')
    assert nodes.count(' Ready ') == 2, nodes
    # what a join does not touch is applied, and told as the difference that it is
    applied = cluster.deliver()
    assert '+ spec/hosts/w1/address' in applied.output, applied.output
    current = cluster.deliver('config', 'current')
    assert 'applied by' in current.output and lab.ip('w1') in current.output, current.output
    wait_for('the application answers', 120, lambda: ' 200 ' in http_get(lab.ip('w1'), 30080)[0])
    assert 'nothing to do' in cluster.deliver().output
    # somebody else's, with names that are not a cluster's
    lab.inside('w1', 'echo mine > /etc/containerd/mine.toml; ip link add mine0 type veth peer name mine1 && nft add table inet mine')
    done = cluster.run('reset', '--yes', '--verify')
    assert done.code == 0, done.output
    for what in ('/etc/containerd stays', 'link mine0 is there', 'table inet mine is there'):
        assert what in done.output, done.output
    assert lab.inside('w1', 'cat /etc/containerd/mine.toml; ip -o link show mine0; nft list tables').startswith('mine\n')
    lab.inside('w1', 'rm -r /etc/containerd; ip link del mine0; nft delete table inet mine')
    check_as_before(lab, before)
