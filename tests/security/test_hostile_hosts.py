# SPDX-License-Identifier: Apache-2.0
"""Twenty hosts, four of which say nothing, talk without end, say a byte now and then, or lie: the others go on."""
import os
import re
import resource
import signal
import subprocess
import sys
import time

import pytest

from lab import ROOT, Site

LAB = 7
GOOD = [f'g{number}' for number in range(1, 16)]
LOGINS = {
    'silent': 'sleep 1000',
    'endless': 'exec cat /dev/zero',
    'dribbler': 'while :; do printf .; sleep 20; done',
    'liar': 'exec /usr/local/bin/liar',
}


@pytest.fixture(scope='module')
def hosts(lab, tmp_path_factory):
    version = subprocess.run([str(ROOT / 'out/stub-x86_64'), '--version'], capture_output=True, text=True, check=True).stdout.split()[1]
    liar = tmp_path_factory.mktemp('liar') / 'liar'
    subprocess.run(['cc', '-static', '-O1', f'-DVERSION="{version}"', '-o', liar, ROOT / 'tests/security/liar.c'], check=True)
    lab.up('cp1', *GOOD, *LOGINS)
    for name, login in LOGINS.items():
        root = f'/proc/{lab.pid(name)}/root'
        with open(f'{root}/usr/local/bin/liar', 'wb') as program:
            program.write(liar.read_bytes())
        os.chmod(f'{root}/usr/local/bin/liar', 0o755)
        with open(f'{root}/etc/ssh/sshd_config', 'a') as config:
            config.write(f'\nForceCommand {login}\n')
        lab.inside(name, 'systemctl restart ssh')
    return lab


@pytest.fixture
def site(hosts, tmp_path):
    return Site(hosts, tmp_path, workers=(*GOOD, *LOGINS))


def test_the_others_go_on(site, hosts):
    begin = time.monotonic()
    done = site.run('plan', '--verbose', timeout=400)
    took = time.monotonic() - begin
    asides = dict(re.findall(r'^(\w+): set aside: (.*)$', done.output, re.MULTILINE))
    assert sorted(asides) == sorted(LOGINS), done.output
    assert 'did not answer' in asides['silent'] or 'took too long' in asides['silent'], asides
    assert 'keeps printing' in asides['endless'], asides
    assert 'took too long' in asides['dribbler'], asides
    assert took < 240, f'{took:.0f} s\n{done.output}'
    for name in ('cp1', *GOOD):
        assert re.search(rf'^{name}:$', done.output, re.MULTILINE), done.output
    # nothing that a host says reaches the terminal as anything but text
    assert not re.search('[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]', done.output), repr(done.output)
    assert '\\x1b[2J' in done.output, 'the lie was not shown: nothing was tested'
    usage = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f'{took:.0f} s, {usage:.0f} MiB at most', file=sys.stderr)


@pytest.mark.parametrize('wait', [3, 20])
def test_it_ends_when_it_is_told_to(site, hosts, wait):
    process = site.start('plan')
    try:
        time.sleep(wait)
        assert process.poll() is None, process.communicate()[0]
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 130, output
        assert time.monotonic() - begin < 10, output
    finally:
        process.kill()
        process.communicate()
