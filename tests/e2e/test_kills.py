# SPDX-License-Identifier: Apache-2.0
"""The launch program is killed in the middle of what changes a living cluster: a second and a third control plane, workers
that join and leave, control planes that leave alive and dead, the end of all. The same command then finishes. Eight kills at
random moments; each tells the step that it hit. SEALIFT_SEED=… repeats the moments of an earlier run."""
import os
import random
import signal
import subprocess
import time

import pytest

from footprint import footprint
from lab import Site
from living import left_behind, members_of, nodes_of, runs_in

LAB = 14
SEED = int(os.environ.get('SEALIFT_SEED', random.SystemRandom().randrange(1 << 32)))
HOSTS = ('cp1', 'cp2', 'cp3', 'w1', 'w2')
# How long each works that nobody kills, from its first step on, in seconds. Where the first delivery takes longer or shorter in
# all, so are the others taken to do.
USUAL = {'first delivery': 75, 'second control plane': 60, 'third control plane': 65, 'join': 28, 'join again': 28, 'remove a worker': 13,
         'remove the dead': 5, 'remove a control plane': 13, 'reset': 11}
KILLS = len(USUAL) - 1
PATIENCE = 6    # kills that may come too late, of one command


def has(run, record):
    return any(one['record'] == record for one in run)


def place_in(run):
    """Which steps had begun and not ended; else which one ended last."""
    begun, last = {}, ''
    for record in run:
        step = f'{record.get("host")} {record.get("step")}'
        if record['record'] == 'begin':
            begun[step] = True
        elif record['record'] == 'end':
            begun.pop(step, None)
            last = f'after {step} ({record["status"]})'
    return 'in ' + ', '.join(begun) if begun else last


class Kills:
    def __init__(self, lab, site):
        self.lab, self.site, self.pace, self.hits = lab, site, 1.0, []
        self.hosts = {host['name']: host for host in site.cluster['spec']['hosts']}
        self.before = {name: footprint(lab, name) for name in HOSTS}

    def write(self, *names):
        self.site.cluster['spec']['hosts'] = [self.hosts[name] for name in names]
        self.site.write()

    def begin(self):
        """Undisturbed, to know how fast this machine is."""
        self.write('cp1', 'w1')
        begin = time.monotonic()
        self.site.deliver()
        took = time.monotonic() - begin
        self.pace = min(max(took / USUAL['first delivery'], 0.5), 4)
        print(f'\nSEALIFT_SEED={SEED}; the first delivery took {took:.0f} s', flush=True)

    def strike(self, arguments, moment):
        """Kills it so long after its first step began: before, it only looks. Returns how long it has worked, and what its journal
        has; None if it had ended by then, but for its last words."""
        before = len(runs_in(self.site.state))
        with open(self.site.folder / 'killed.log', 'w') as log:
            process = self.site.start(*arguments, output=log)
            while process.poll() is None and not any(has(run, 'begin') for run in runs_in(self.site.state)[before:]):
                time.sleep(0.05)
            begin = time.monotonic()
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(30)
        assert process.returncode in (0, -signal.SIGKILL), (self.site.folder / 'killed.log').read_text()
        run = next(iter(runs_in(self.site.state)[before:]), [])
        return time.monotonic() - begin, None if process.returncode == 0 or has(run, 'finish') else run

    def kill(self, what, *arguments, back):
        """In the middle of the command, which is then started again. One that had ended is undone by the commands `back`, and
        is killed earlier."""
        chance, longest = random.Random(f'{SEED} {what}'), USUAL[what] * self.pace
        for _ in range(PATIENCE):
            took, run = self.strike(arguments, chance.uniform(0, longest))
            if run is not None:
                break
            print(f'{what}: too late, it took {took:.1f} s', flush=True)
            longest = took * 0.9
            back()
        assert run is not None, f'{what}: {PATIENCE} kills came too late'
        begin = time.monotonic()
        again = self.site.run(*arguments)
        self.hits.append(f'{what}: killed after {took:.1f} of {longest:.1f} s, {place_in(run)}; again: {time.monotonic() - begin:.0f} s, exit code {again.code}')
        print(self.hits[-1], flush=True)
        assert again.code == 0, f'SEALIFT_SEED={SEED}\n{self.hits[-1]}\n{again.output}'

    def check(self, planes, workers):
        assert nodes_of(self.lab, planes[0]) == ({*planes, *workers}, set(planes))
        assert members_of(self.lab, planes[0]) == dict.fromkeys(planes, False)


@pytest.fixture(scope='module')
def kills(lab, tmp_path_factory, artifact):
    lab.up(*HOSTS)
    site = Site(lab, tmp_path_factory.mktemp('site'), workers=('w1', 'w2'), control_planes=('cp1', 'cp2', 'cp3'))
    site.cluster['spec']['apps'] = ['flannel', 'redis', 'echo']    # pods that have to move
    site.write()
    assert site.run('plan').code == 0    # a login makes what a login makes
    kills = Kills(lab, site)
    kills.begin()
    return kills


def removed(kills, *names):
    return lambda: kills.site.deliver('remove', *names, '--yes', '--force')


def test_a_second_control_plane(kills):
    kills.write('cp1', 'cp2', 'w1')
    kills.kill('second control plane', 'apply', back=removed(kills, 'cp2'))
    kills.check(('cp1', 'cp2'), ('w1',))
    assert 'nothing to do' in kills.site.deliver().output


def test_a_third_control_plane(kills):
    kills.write('cp1', 'cp2', 'cp3', 'w1')
    kills.kill('third control plane', 'apply', back=removed(kills, 'cp3'))
    kills.check(('cp1', 'cp2', 'cp3'), ('w1',))
    assert 'nothing to do' in kills.site.deliver().output


def join(kills, what):
    kills.write(*HOSTS)
    kills.kill(what, 'join', back=removed(kills, 'w2'))
    kills.check(('cp1', 'cp2', 'cp3'), ('w1', 'w2'))


def test_a_worker_joins(kills):
    join(kills, 'join')


def test_a_worker_leaves(kills):
    kills.kill('remove a worker', 'remove', 'w2', '--yes', '--force', back=lambda: kills.site.deliver('join'))
    kills.check(('cp1', 'cp2', 'cp3'), ('w1',))
    assert left_behind(kills.lab, kills.before, 'w2') == []


def test_it_joins_again(kills):
    join(kills, 'join again')


def test_a_dead_control_plane_is_forgotten(kills):
    """The one that made the cluster."""
    def back():
        kills.lab.run('start', 'cp1')
        kills.site.deliver('reset', 'cp1', '--yes')
        kills.site.deliver()
        kills.lab.run('kill', 'cp1')

    kills.lab.run('kill', 'cp1')
    kills.kill('remove the dead', 'remove', 'cp1', '--dead', '--yes', back=back)
    kills.check(('cp2', 'cp3'), ('w1', 'w2'))


def test_a_control_plane_leaves(kills):
    kills.write('cp2', 'cp3', 'w1', 'w2')
    kills.kill('remove a control plane', 'remove', 'cp3', '--yes', '--force', back=kills.site.deliver)
    kills.check(('cp2',), ('w1', 'w2'))
    assert left_behind(kills.lab, kills.before, 'cp3') == []


def test_all_is_undone(kills):
    kills.write('cp2', 'w1', 'w2')
    kills.kill('reset', 'reset', '--yes', '--verify', back=kills.site.deliver)
    assert left_behind(kills.lab, kills.before, 'cp2', 'w1', 'w2') == []


def test_every_kill_hit(kills):
    assert len(kills.hits) == KILLS, kills.hits
