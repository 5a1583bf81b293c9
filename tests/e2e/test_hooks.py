# SPDX-License-Identifier: Apache-2.0
"""Programs of the site at the moments of a delivery and of its end, on real hosts: which ran where, in what order and with what;
that a secret given to one is found nowhere afterwards, nor in any command line or environment while it runs; what a failing one keeps
back; that a changed one runs again and an unchanged one does not."""
import json
import pathlib
import signal
import sys
import time

import pytest

from footprint import differences, footprint
from lab import Site, places_of, wait_for
from living import runs_in
from many_apps import available, pack

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'cli'))
from registry_server import kube_paths

LAB = 35
HOSTS = ('cp1', 'w1')
SECRET = 'correct-horse-battery-staple'
# Outside of what a reset looks at. Each line: what the program was told, its arguments, what it knows of its input.
DIARY = '/var/tmp/hooks.diary'

# The diary must not have the secret, which is looked for everywhere: only its length.
PROGRAM = f"""#!/bin/sh
input=$(cat)
echo "$SEALIFT_HOOK|$SEALIFT_PHASE|$SEALIFT_NODE|$SEALIFT_ROLE|$SEALIFT_CLUSTER|${{KUBECONFIG:-none}}|$*|${{#input}}" >> {DIARY}
[ -z "$input" ] || echo "my input is $input"
echo "said by $SEALIFT_HOOK"
"""
# Fails as long as it is forbidden, after a look at the cluster.
GATE = f"""#!/bin/sh
kubectl get --raw /readyz || exit 3
echo "gate|$SEALIFT_PHASE|$SEALIFT_NODE" >> {DIARY}
[ ! -e /var/tmp/closed ] || {{ echo 'the gate is closed' >&2; exit 4; }}
"""
SLOW = f"""#!/bin/sh
read secret
echo begun >> /var/tmp/slow
sleep 20
echo "slow|$SEALIFT_PHASE|$SEALIFT_NODE" >> {DIARY}
"""


class Cluster:
    def __init__(self, site, hooks):
        self.site, self.hooks = site, hooks
        for name, text in {'note.sh': PROGRAM, 'gate.sh': GATE, 'slow.sh': SLOW, 'secret': f'{SECRET}\n'}.items():
            (site.folder / name).write_text(text)

    def write(self):
        self.site.extra = ''.join('---\n' + json.dumps({'apiVersion': 'sealift.dev/v1', 'kind': 'Hook', 'metadata': {'name': name}, 'spec': spec}) + '\n'
                                  for name, spec in self.hooks.items())
        self.site.write()

    def run(self, *arguments, code=0):
        self.write()
        done = self.site.run(*arguments)
        assert done.code == code, done.output
        assert SECRET not in done.output, done.output
        return done

    def apply(self, code=0):
        return self.run('apply', '--verbose', code=code)


def note(**fields):
    return {'program': 'note.sh', 'inputFile': 'secret', **fields}


@pytest.fixture(scope='module')
def cluster(lab, tmp_path_factory):
    product = pack(tmp_path_factory.mktemp('product'), kube_paths()['LAYOUT'], {'first': 1, 'second': 1}, {'second': ['first']})
    lab.up(*HOSTS)
    site = Site(lab, tmp_path_factory.mktemp('site'), workers=('w1',), artifact=product)
    return Cluster(site, {
        'hosts-before': note(before='hosts', arguments=['--of', 'two words']),
        'packed': {'before': 'cluster', 'on': 'workers', 'packedProgram': 'bin/amd64/kubectl', 'arguments': ['version', '--client']},
        'hosts-after': note(after='hosts', on=['w1']),
        'cluster-before': note(before='cluster'),
        'cluster-after': note(after='cluster', on='all'),
        'gate': {'before': 'app/first', 'program': 'gate.sh'},
        'first-after': note(after='app/first'),
        'often': note(after='app/second', everyRun=True),
        'reset-before': note(before='reset'),
        'reset-after': note(after='reset', on='workers'),
    })


@pytest.fixture(scope='module')
def before(cluster, lab):
    """Once a login has made what a login makes."""
    cluster.run('plan')
    return {name: footprint(lab, name) for name in HOSTS}


def diary(lab, name):
    """What ran on a host since the last look: (hook, the rest of its line)."""
    lines = lab.inside(name, f'cat {DIARY} 2>/dev/null; rm -f {DIARY}', check=False).splitlines()
    return [tuple(line.split('|', 1)) for line in lines]


def ran(lab, name):
    return [hook for hook, _ in diary(lab, name)]


def outputs(cluster):
    """Of the last run in the journal: the texts by host and step."""
    return {(record['host'], record['step']): record['text'] for record in runs_in(cluster.site.state)[-1] if record['record'] == 'output'}


def check_nothing_left(lab, *names):
    for name in names:
        assert lab.inside(name, 'ls -d /usr/local/lib/sealift/hook-* /run/sealift/hooks/* /run/sealift/jobs/* 2>/dev/null', check=False) == '', name
        assert lab.inside(name, "systemctl list-units --all --plain --no-legend 'sealift-hook-*'") == '', name


def test_one_that_fails_keeps_its_application_back(cluster, lab, before):
    """And those that need it; everything before it has been done, in its order."""
    lab.inside('cp1', 'touch /var/tmp/closed')
    done = cluster.apply(code=11)
    assert 'the hook gate (before app/first) ended with code 4: the gate is closed' in done.output, done.output
    assert available(lab) == set()
    on_plane, on_worker = diary(lab, 'cp1'), diary(lab, 'w1')
    assert [hook for hook, _ in on_plane] == ['hosts-before', 'cluster-before', 'cluster-after', 'gate']
    assert [hook for hook, _ in on_worker] == ['hosts-before', 'hosts-after', 'cluster-after']
    length = len(SECRET)
    assert on_plane[0][1] == f'before hosts|cp1|control-plane|e2e|/etc/kubernetes/admin.conf|--of two words|{length}'
    assert on_worker[0][1] == f'before hosts|w1|worker|e2e|none|--of two words|{length}'
    said = outputs(cluster)
    assert said['w1', 'hook.hosts-before'].splitlines() == ['hook hosts-before:', 'my input is (not shown)', 'said by hosts-before']
    assert 'Client Version' in said['w1', 'hook.packed'], said
    assert 'ok' in said['cp1', 'hook.gate']
    check_nothing_left(lab, *HOSTS)


def test_mended_it_goes_on_from_there(cluster, lab):
    lab.inside('cp1', 'rm /var/tmp/closed')
    cluster.apply()
    assert available(lab) == {'first', 'second'}
    assert ran(lab, 'cp1') == ['gate', 'first-after', 'often']
    assert ran(lab, 'w1') == []


def test_what_is_unchanged_does_not_run_again(cluster, lab):
    """But for the one that shall."""
    cluster.apply()
    assert (ran(lab, 'cp1'), ran(lab, 'w1')) == (['often'], [])
    cluster.hooks['often']['everyRun'] = False
    done = cluster.apply()
    assert (ran(lab, 'cp1'), ran(lab, 'w1')) == ([], []), done.output


def test_what_is_changed_runs_again(cluster, lab):
    """Its program, its arguments or its input."""
    cluster.hooks['cluster-after']['arguments'] = ['--again']
    (cluster.site.folder / 'other').write_text(f'{SECRET}-2\n')
    cluster.hooks['hosts-after']['inputFile'] = 'other'
    (cluster.site.folder / 'gate.sh').write_text(GATE + 'echo changed\n')
    cluster.apply()
    assert ran(lab, 'cp1') == ['cluster-after', 'gate']
    assert ran(lab, 'w1') == ['hosts-after', 'cluster-after']
    assert outputs(cluster)['w1', 'hook.hosts-after'].splitlines()[1] == 'my input is (not shown)'


def test_no_secret_lies_around(cluster, lab):
    for name in HOSTS:
        assert places_of(lab, name, [SECRET]) == [], name
    for path in cluster.site.state.iterdir():
        assert SECRET not in path.read_text(errors='replace'), path
    assert SECRET not in lab.kubectl('cp1', '--namespace kube-system get configmap sealift-cluster -o yaml')


def test_killed_while_one_runs_it_is_waited_for(cluster, lab):
    """Nothing of its secret is on the host meanwhile, nor in a command line or an environment; it runs once."""
    cluster.hooks['slow'] = {'after': 'cluster', 'on': 'workers', 'program': 'slow.sh', 'inputFile': 'secret'}
    cluster.write()
    process = cluster.site.start('apply')
    wait_for('the program has begun', 60, lambda: 'begun' in lab.inside('w1', 'cat /var/tmp/slow', check=False))
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert 'active' in lab.inside('w1', 'systemctl is-active sealift-hook-slow', check=False)
    assert lab.inside('w1', 'ls /run/sealift/hooks/slow') == ''
    found = lab.run('exec', 'w1', 'sh', '-c', 'grep -laF -f - /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; true', input=f'{SECRET}\n').stdout
    assert found == '', found
    cluster.apply()
    assert ran(lab, 'w1') == ['slow']
    assert lab.inside('w1', 'cat /var/tmp/slow') == 'begun\n'
    check_nothing_left(lab, *HOSTS)
    del cluster.hooks['slow']


def test_one_that_takes_too_long_is_stopped(cluster, lab):
    cluster.hooks['slow'] = {'after': 'cluster', 'program': 'slow.sh', 'inputFile': 'secret', 'timeout': '3s'}
    begin = time.monotonic()
    done = cluster.apply(code=11)
    assert time.monotonic() - begin < 20, done.output
    assert 'the hook slow did not end within 3 s' in done.output, done.output
    check_nothing_left(lab, 'cp1')
    assert lab.inside('cp1', 'pgrep -f "[h]ook-slow"', check=False) == ''
    del cluster.hooks['slow']


def test_what_does_not_fit_the_artifact_is_refused(cluster, lab):
    """Before anything is changed, with its place."""
    for wrong, code, word in (({'after': 'app/frst', 'program': 'note.sh'}, 3, 'did you mean "first"?'),
                              ({'before': 'hosts', 'packedProgram': 'bin/amd64/kubctl'}, 13, 'bin/amd64/kubectl'),
                              ({'before': 'hosts', 'on': ['w2'], 'program': 'note.sh'}, 3, 'did you mean "w1"?')):
        cluster.hooks['wrong'] = wrong
        done = cluster.run('apply', code=code)
        assert word in done.output and 'cluster.yaml:' in done.output, done.output
    del cluster.hooks['wrong']
    assert (ran(lab, 'cp1'), ran(lab, 'w1')) == ([], [])


def test_before_and_after_a_reset(cluster, lab, before):
    """Nothing of the hooks is left either."""
    cluster.run('reset', '--yes', '--verify')
    assert ran(lab, 'cp1') == ['reset-before']
    assert ran(lab, 'w1') == ['reset-before', 'reset-after']
    left = differences(lab, before, ('/root/.kube', '/var/tmp', '/tmp/'))
    assert left == [], '\n'.join(left)
    again = cluster.run('reset', '--yes')
    assert 'nothing to do' in again.output, again.output
    assert (ran(lab, 'cp1'), ran(lab, 'w1')) == ([], [])
