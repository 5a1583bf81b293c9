# SPDX-License-Identifier: Apache-2.0
"""A host against its users: two of them, without rights, race every path that Sealift writes on a host, through plan, an
apply that is killed, status and an apply that finishes."""
import re
import signal
import time

import pytest

import host_users
from host_users import Racers
from lab import Site, http_get, wait_for
from state_tables import host_rows

LAB = 8
DATA = '/srv/sealift'
# What a delivered control plane has no more, or never had: everything under /run that is gone with the step, and a worker's.
TRANSIENT = ('/run/sealift/jobs/', '/run/sealift/apps/', '/run/sealift/kubeadm-join.yaml')


@pytest.fixture(scope='module')
def host(lab):
    return host_users.Host(lab, 'cp1')


@pytest.fixture(scope='module')
def names(artifact):
    return host_users.names_of(artifact)


@pytest.fixture
def site(lab, host, tmp_path):
    return site_with(lab, tmp_path, DATA)


def site_with(lab, folder, data_root):
    site = Site(lab, folder)
    site.cluster['spec']['hosts'][0]['dataRoot'] = data_root
    site.write()
    return site


@pytest.fixture(autouse=True)
def nobody_gets_anything(host):
    """In every test."""
    before = host_users.outside_unharmed(host)
    yield
    assert host_users.ran_as_root(host) == '', 'root ran a program of a user'
    assert host_users.made_by_root(host) == [], 'root made files where a user wanted them'
    assert host_users.outside_unharmed(host) == before


def look(host, path):
    return host.inside(f"stat -c '%i %a %U:%G' {path}", check=False).strip()


def test_the_racer_succeeds_where_anybody_would(host, tmp_path):
    """Else nothing would be shown by what it does not get."""
    wanted = {'mkdir', 'symlink', 'mkfifo', 'link', 'replace', 'write', 'create', 'bind'}
    host.inside('mkdir -p /usr/local/lib/open && chmod 0777 /usr/local/lib/open && echo x > /usr/local/lib/open/file && chmod 0666 /usr/local/lib/open/file')
    try:
        with Racers(host, tmp_path, ['/usr/local/lib/open/new', '/usr/local/lib/open/file']) as racers:
            wait_for('everything is tried', 60, lambda: {line.split()[0] for line in racers.lines()} >= wanted)
            host.inside('for i in 1 2 3 4 5; do echo secret > /usr/local/lib/open/late$i; done')
            wait_for('new names are noticed', 30, lambda: any('/late' in line for line in racers.lines()))
        assert {line.split()[1] for line in racers.got} >= wanted, racers.got
    finally:
        host.inside('rm -rf /usr/local/lib/open')


@pytest.mark.parametrize('mode, owner', [('0755', 'root:root'), ('2775', 'root:staff')])
def test_plan_leaves_a_data_root_that_was_there(host, site, mode, owner):
    """Also where the agent lands in it, since the other two folders are no good."""
    host.inside(f'mkdir {DATA} && chown {owner} {DATA} && chmod {mode} {DATA}; chmod 0777 /usr/local/lib /opt')
    was = look(host, DATA)
    try:
        planned = site.run('plan')
        assert planned.code in ((12,) if owner == 'root:root' else (7,)), planned.output
        assert DATA in planned.output or '/usr/local/lib has mode 0777' in planned.output
        assert look(host, DATA) == was and host.inside(f'ls -A {DATA}') == ''
    finally:
        host.inside(f'chmod 0755 /usr/local/lib /opt; rmdir {DATA}')


# How dataRoot comes to be a folder in which others have a hand: what an administrator or a user did before; and what a user
# lets it lead to in turn.
HOME = '/home/eve/data'
LINKS = '/home/eve/links'
BY_GROUP = f'mkdir {DATA} && chown root:users {DATA} && chmod 2775 {DATA}'
OPEN_ROOTS = {
    'writable by everybody': (f'mkdir {DATA} && chmod 0777 {DATA}', DATA, ()),
    'below a folder that everybody may write': ('mkdir /srv/open && chmod 0777 /srv/open', '/srv/open/sealift', ()),
    'of a user': (f'mkdir {HOME} && chown eve: {HOME}', HOME, ()),
    'behind a link that a user flips': (f'mkdir {HOME} {LINKS} {DATA} && chown eve: {HOME} {LINKS}', f'{LINKS}/data', (DATA, HOME)),
}
# What a member of its group put into a folder that is otherwise in order.
PLANTED = {
    'folder': f'mkdir {DATA}/payloads; touch {DATA}/payloads/IDENTITY.payload; chmod -R 0777 {DATA}/payloads',
    'link': f'mkdir {HOME}; ln -s {HOME} {DATA}/payloads',
    'pipe': f'mkfifo {DATA}/payloads',
}


def clear(host):
    host.inside(f'rm -rf {DATA} /srv/open {HOME} {LINKS}')


@pytest.mark.parametrize('kind', OPEN_ROOTS)
def test_a_data_root_in_which_others_have_a_hand(host, lab, names, tmp_path, kind):
    """It is refused, and the message says why. What an administrator made stays as it was."""
    make, data_root, flipped = OPEN_ROOTS[kind]
    host.inside(make)
    was = look(host, DATA)
    site = site_with(lab, tmp_path, data_root)
    flipping = host.start('eve', 'flip', data_root, *flipped) if flipped else None
    try:
        with Racers(host, tmp_path, host_users.paths_to_try(names, data_root), own=(data_root, '/home/eve/', '/srv/open/')) as racers:
            for verb in ((), ('plan',)):
                done = site.run(*verb, timeout=180)
                assert done.code == 12 and f'exchange what is in {data_root}: ' in done.output, done.output
        assert racers.got == []
        assert look(host, DATA) == was
    finally:
        if flipping:
            host.stop(flipping)
        clear(host)


@pytest.mark.parametrize('kind', PLANTED)
def test_what_was_put_into_a_data_root_is_not_used(host, site, names, kind):
    host.inside(BY_GROUP)
    was = look(host, DATA)
    host.inside(f"setpriv --reuid eve --regid eve --init-groups sh -c '{PLANTED[kind].replace('IDENTITY', names['identity'])}'")
    try:
        done = site.run(timeout=180)
        assert done.code == 7 and f'{DATA}/payloads' in done.output, done.output
        assert look(host, DATA) == was
        assert host.inside(f'find {DATA} {HOME} -type f -size +0', check=False) == '', 'something was written there'
    finally:
        clear(host)


def interrupted_apply(site, host):
    """An apply whose launch program and agent are killed while they are at work."""
    process = site.start('--verbose')
    try:
        wait_for('the payload is on its way', 180, lambda: host.inside(f'ls {DATA}/payloads 2>/dev/null', check=False).strip())
        time.sleep(1)
        assert process.poll() is None, 'the run had ended: nothing was interrupted'
        host.inside("pkill -KILL -f 'sealift/agent-[0-9a-f]* agent'")
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def test_a_delivery_among_users_who_want_everything(host, site, lab, names, tmp_path):
    host.inside(f'mkdir {DATA} && chown root:staff {DATA} && chmod 2775 {DATA}')
    # a file that the delivery replaces, and of which it keeps a copy
    host.inside('mkdir -p /etc/containerd/conf.d && echo old > /etc/containerd/conf.d/lab.toml && chmod 0600 /etc/containerd/conf.d/lab.toml')
    was = look(host, DATA)
    paths = host_users.paths_to_try(names, DATA)
    with Racers(host, tmp_path, paths) as racers:
        planned = site.run('plan')
        assert planned.code == 0, planned.output
        interrupted_apply(site, host)
        done = site.run()
        assert done.code == 0, done.output
        status = site.run('status')
        assert status.code == 0, status.output
    assert racers.got == []
    assert look(host, DATA) == was
    wait_for('the application answers', 60, lambda: ' 200 ' in http_get(lab.ip('cp1'), 30080)[0])
    assert 'nothing to do' in site.deliver().output


def test_modes_and_owners_are_those_of_the_table(host, names):
    """Of a delivered host. Each row is found, but for what is gone once a delivery has ended."""
    for row in host_rows():
        there = []
        for path in row.paths:
            pattern = re.sub(r'<\w+>', '*', path.replace('<dataRoot>', DATA)).rstrip('/')
            lines = host.inside(f"stat -c '%a %U:%G %n' {pattern}", check=False).splitlines()
            there += [line.split(' ', 2) for line in lines]
        if not there:
            assert row.paths[0].startswith(TRANSIENT), f'{row.paths}: not on the host'
        for mode, owner, path in there:
            assert owner == 'root:root' and int(mode, 8) in row.modes, f'{path} has mode {mode} and is {owner}; OPERATIONS.md says {[oct(one) for one in row.modes]}'
            if row.folder_mode:
                assert look(host, path.rpartition('/')[0]).split()[1] == f'{row.folder_mode:o}'


def test_nobody_else_can_write_where_programs_of_root_lie(host):
    programs = host.inside("ls -d /usr/local/lib/sealift/agent-* /usr/local/lib/sealift/node-*").split()
    programs += host.inside("systemctl show -p ExecStart --value sealift-mirror sealift-api sealift-boot containerd kubelet | grep -o 'path=[^ ;]*' | cut -d= -f2 | sort -u").split()
    assert len(programs) >= 5, programs
    for program in programs:
        parts = program.strip('/').split('/')
        for end in range(1, len(parts) + 1):
            path = '/' + '/'.join(parts[:end])
            mode, owner = host.inside(f'stat -L -c "%a %U:%G" {path}').split()
            assert owner == 'root:root' and int(mode, 8) & 0o022 == 0, f'{path}: {mode} {owner}'


def test_secrets_of_the_host_are_for_root_alone(host):
    """Tried as both users: everything in Sealift's folders that the table does not give to everybody."""
    folders = f'/etc/sealift /var/lib/sealift /run/sealift {DATA}'
    private = host.inside(f'find {folders} \\( -type f -o -type d \\) ! -perm /044').split()
    assert len(private) >= 6, private
    for user in host.USERS:
        for path in private:
            tried = f"setpriv --reuid {user} --regid nogroup --clear-groups sh -c 'cat {path} || ls {path}/.' 2>/dev/null"
            assert host.inside(tried, check=False) == '', f'{user} reads {path}'
