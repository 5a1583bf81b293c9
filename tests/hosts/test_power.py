# SPDX-License-Identifier: Apache-2.0
"""What the test hosts' power cut guarantees: synced data survives, unsynced data is lost, nothing is left behind."""
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'e2e'))
from lab import Lab  # noqa: E402  (the e2e tests' view of the hosts)


@pytest.fixture(scope='module')
def lab():
    if os.geteuid() != 0:
        pytest.skip('test hosts need root')
    lab = Lab('power-test', 9)
    lab.close()
    lab.up('a', 'b')
    yield lab
    lab.close()


def cut(lab, *names):
    lab.run('kill', *names)
    lab.run('start', *names)


def mounted_with_recovery(lab, name):
    device = lab.inside(name, "while read device point rest; do [ $point != / ] || echo $device; done < /proc/mounts").split()[-1]
    lines = [line for line in subprocess.run(['dmesg'], capture_output=True, text=True, check=True).stdout.splitlines() if f'({device.removeprefix("/dev/")})' in line]
    return any('recovery complete' in line for line in lines[-2:])


def test_what_was_not_synced_is_lost(lab):
    lab.inside('a', 'mkdir /t; echo synced > /t/synced; sync /t/synced /t; echo old > /t/replaced; sync /t/replaced; '
                    'echo lost > /t/new; echo newer > /t/replaced; dd if=/dev/zero of=/t/large bs=1M count=20 2>/dev/null')
    cut(lab, 'a')
    assert lab.inside('a', 'cat /t/synced') == 'synced\n'
    assert lab.inside('a', 'cat /t/new 2>/dev/null || true') == ''
    assert lab.inside('a', 'cat /t/replaced') in ('', 'old\n')
    assert lab.inside('a', 'stat -c %b /t/large 2>/dev/null || echo 0').strip() == '0'


def test_a_file_whose_name_was_written_and_its_bytes_were_not_is_empty(lab):
    # left by a program that writes without syncing, after another program has synced the disk
    lab.inside('a', 'echo unsynced > /t/empty; echo else > /t/other; sync /t/other')
    cut(lab, 'a')
    assert lab.inside('a', 'stat -c %s /t/empty').strip() == '0'
    assert lab.inside('a', 'cat /t/other') == 'else\n'


def test_the_journal_is_replayed_at_the_next_start(lab):
    lab.inside('a', 'echo x > /t/before; sync /t/before')
    cut(lab, 'a')
    assert mounted_with_recovery(lab, 'a')
    lab.run('stop', 'a')
    lab.run('start', 'a')
    assert not mounted_with_recovery(lab, 'a'), 'a clean stop leaves a clean disk'


def test_a_clean_stop_loses_nothing(lab):
    lab.inside('a', 'echo kept > /t/kept')
    lab.run('stop', 'a')
    lab.run('start', 'a')
    assert lab.inside('a', 'cat /t/kept') == 'kept\n'


def test_what_a_host_says_last_is_on_its_disk(lab):
    """Synced first, then reported: after a cut at any moment, the disk holds whatever the other host has heard of."""
    teller = 'n=0; while :; do n=$((n+1)); echo $n > /t/next; sync /t/next; mv /t/next /t/n; sync /t; echo $n; done'
    command = ['ssh', '-i', lab.key(), '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR',
               '-o', 'ServerAliveInterval=1', '-o', 'ServerAliveCountMax=10', f'root@{lab.ip("a")}', teller]
    for _ in range(3):
        told = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        for _ in range(20):
            line = told.stdout.readline()
            assert line, f'the login ended with {told.wait()}'
        lab.run('kill', 'a')
        lines = [line.strip(), *told.communicate(timeout=60)[0].split('\n')[:-1]]  # the last one may be cut off
        lab.run('start', 'a')
        assert int(lab.inside('a', 'cat /t/n')) >= int(lines[-1])


def test_two_hosts_at_once_and_a_host_that_is_off(lab):
    lab.inside('b', 'echo b > /b; sync /b')
    lab.run('kill', 'a', 'b')
    lab.run('kill', 'a', 'b')
    lab.run('start', 'a', 'b')
    assert lab.inside('b', 'cat /b') == 'b\n'


def test_nothing_is_left_behind(lab):
    lab.close()
    assert lab.run('leaks').stdout == ''
    assert 'power-test' not in pathlib.Path('/proc/self/mountinfo').read_text()
    assert 'power-test' not in subprocess.run(['losetup', '-l', '-n', '-O', 'BACK-FILE'], capture_output=True, text=True, check=True).stdout
    assert 'sl9' not in subprocess.run(['ip', 'netns', 'list'], capture_output=True, text=True, check=True).stdout
