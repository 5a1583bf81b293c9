# SPDX-License-Identifier: Apache-2.0
"""A second certificate authority takes over from the first, while a node is off and while images are pulled."""
import subprocess

import pytest

from footprint import footprint
from lab import Site, wait_for
from living import left_behind

LAB = 43
HOSTS = ('cp1', 'w1', 'w2')
PKI, IMAGE = '/etc/sealift/pki', 'registry.k8s.io/pause:3.10.1'


@pytest.fixture(scope='module')
def site(lab, tmp_path_factory):
    lab.up(*HOSTS)
    return Site(lab, tmp_path_factory.mktemp('site'), workers=('w1', 'w2'))


@pytest.fixture(scope='module')
def before(site, lab):
    assert site.run('plan').code == 0
    found = {name: footprint(lab, name) for name in HOSTS}
    site.deliver()
    return found


def bundle(lab, name, file='ca.crt'):
    return lab.inside(name, f'cat {PKI}/{file}')


def generations(lab, name):
    return bundle(lab, name).count('BEGIN CERTIFICATE')


def pull_everywhere(lab, names=HOSTS):
    """As containerd does, through the host's own mirror, and on workers through the registry host's."""
    for name in names:
        lab.inside(name, f'ctr -n pulls images pull --hosts-dir /etc/containerd/certs.d {IMAGE} && ctr -n pulls images rm --sync {IMAGE}')


def start_of_mirror(lab, name):
    return lab.inside(name, 'systemctl show -p ExecMainStartTimestampMonotonic --value sealift-mirror')


def test_a_node_that_is_off_is_waited_for(site, lab, before):
    first = bundle(lab, 'cp1')
    lab.inside('w2', 'systemctl stop ssh')
    done = site.run('apply', '--renew-authority')
    assert done.code == 14, done.output
    assert 'waits for' in done.output, done.output
    assert [generations(lab, name) for name in HOSTS] == [2, 2, 1]
    assert first in bundle(lab, 'cp1') and bundle(lab, 'w2') == first
    pull_everywhere(lab)


def test_it_takes_over_once_all_have_heard_of_it(site, lab, tmp_path):
    lab.inside('w2', 'systemctl start ssh')
    before, mirrors = bundle(lab, 'w2'), {name: start_of_mirror(lab, name) for name in HOSTS}
    former = lab.inside('w1', f'cat {PKI}/node/client.pem')
    assert status_for(lab, former, tmp_path) == '200'
    site.deliver()
    assert [generations(lab, name) for name in HOSTS] == [1, 1, 1]
    assert before not in bundle(lab, 'cp1') and bundle(lab, 'cp1') == bundle(lab, 'w2') == bundle(lab, 'w2', 'node/ca.crt')
    assert 'ca.next.key' not in lab.inside('cp1', f'ls {PKI}')
    assert mirrors == {name: start_of_mirror(lab, name) for name in HOSTS}
    # The mirrors take their files within seconds.
    wait_for('the former certificate is refused', 20, lambda: status_for(lab, former, tmp_path) == '000')
    assert status_for(lab, lab.inside('w1', f'cat {PKI}/node/client.pem'), tmp_path) == '200'
    pull_everywhere(lab)
    again = site.deliver()
    assert not [event for event in again.events if event.get('kind') == 'step_started'], again.output


def status_for(lab, pair, folder):
    """What the registry host answers one who shows this certificate; "000": it does not talk to them."""
    shown = folder / 'shown.pem'
    shown.write_text(pair)
    done = subprocess.run(['nsenter', '-t', str(lab.pid('w1')), '-n', 'curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '20', '-k',
                           '--cert', str(shown), f'https://{lab.ip("cp1")}:5000/v2/'], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 35, 52, 56), done.stderr
    return done.stdout


def test_check_names_the_authority(site):
    done = site.run('check', '--verbose')
    assert 'certificates.authority' in done.output and 'the only authority' in done.output, done.output


def test_reset_takes_both_away(site, lab, before):
    done = site.run('reset', '--yes', '--verify')
    assert done.code == 0, done.output
    assert left_behind(lab, before, *HOSTS) == []
