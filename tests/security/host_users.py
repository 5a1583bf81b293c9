# SPDX-License-Identifier: Apache-2.0
"""Unprivileged users of a test host, and what they try there (racer.c)."""
import hashlib
import os
import pathlib
import re
import signal
import subprocess

from lab import OUT, wait_for
from state_tables import host_rows

HERE = pathlib.Path(__file__).resolve().parent
# where anybody may make files: what a user does there is no success
PUBLIC = ('/tmp/', '/var/tmp/', '/dev/shm/')
FOLDERS = ('/run/sealift', '/var/lib/sealift', '/usr/local/lib/sealift', '/opt/sealift', '/etc/sealift', '/etc/shadow', '/etc/passwd', '/etc/cron.d/racer')
LOCK = '/run/sealift/lock'      # who holds it keeps every run away
TEMPORARY = re.compile(r'\.sealift-[0-9a-f]{8}$')
RAN_AS_ROOT = '/var/lib/racer-was-run-by-root'


def names_of(artifact):
    """What stands for <digest>, <identity> … in OPERATIONS.md, as far as it can be known beforehand."""
    shown = subprocess.run([artifact, 'info'], capture_output=True, text=True, check=True).stdout
    return {'digest': hashlib.sha256((OUT / 'stub-x86_64').read_bytes()).hexdigest(), 'identity': re.search(r'sha256:([0-9a-f]{64})', shown)[1],
            'name': 'shop', 'app': 'nginx', 'sha256': '0' * 64}


def paths_to_try(names, data_root):
    """Every path of OPERATIONS.md, with its folders and the temporary names of its writers, and its name where anybody may write."""
    out = {*FOLDERS, data_root}
    for row in host_rows():
        for path in row.concrete({**names, 'dataRoot': data_root}):
            path = path.rstrip('/')
            folder, _, name = path.rpartition('/')
            out |= {path, folder, f'{folder}/.{name}-1', f'{folder}/.try-1', f'{path}.sealift-link'}
            out |= {public + name for public in PUBLIC}
    for public in PUBLIC:
        out |= {f'{public}sealift', f'{public}sealift-private-racer', f'{public}kubeadm', f'{public}helm'}
    return sorted(out)


class Host:
    """A host with the users eve, who has a login, and nobody."""

    USERS = ('eve', 'nobody')

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        lab.up(name)
        self.root = pathlib.Path(f'/proc/{lab.pid(name)}/root')
        self.inside('useradd --create-home --shell /bin/bash --groups users eve')
        program = self.root / 'usr/local/bin/racer'
        subprocess.run(['cc', '-static', '-O1', '-Wall', '-Werror', '-o', program, HERE / 'racer.c'], check=True)
        for user in self.USERS:
            folder = self.home(user)
            self.inside(f'mkdir -p {folder} && cp /usr/local/bin/racer {folder}/program && chown -R {user} {folder}')

    def home(self, user):
        return f'/var/tmp/racer-{user}'

    def inside(self, script, check=True):
        return self.lab.inside(self.name, script, check)

    def start(self, user, *arguments, **options):
        """The racer, as that user."""
        command = [self.lab.command, 'exec', self.name, 'setpriv', '--reuid', user, '--regid', 'nogroup' if user == 'nobody' else user, '--init-groups', 'nice', '/usr/local/bin/racer',
                   *arguments]
        return subprocess.Popen(command, env=self.lab.env, text=True, **options)

    def stop(self, process):
        # the program itself is in the host: the one that was started here only waits for it
        self.inside('pkill -KILL -x racer', check=False)
        process.send_signal(signal.SIGKILL)
        process.wait(20)


class Racers:
    """Both users at work on all paths, until the block ends; then `got` has what they did outside their own places."""

    def __init__(self, host, folder, paths, own=()):
        self.host, self.folder, self.paths, self.own = host, folder, paths, (*PUBLIC, *own)
        self.got = []

    def __enter__(self):
        self.processes = []
        for user in Host.USERS:
            with open(self.output(user), 'w') as output:
                process = self.host.start(user, 'try', self.host.home(user), stdin=subprocess.PIPE, stdout=output)
            process.stdin.write('\n'.join(self.paths) + '\n')
            process.stdin.close()
            self.processes.append(process)
        wait_for('the racers run', 20, lambda: all(self.output(user).read_text().startswith('begun') for user in Host.USERS))
        return self

    def __exit__(self, *_):
        ended = [user for user, process in zip(Host.USERS, self.processes) if process.poll() is not None]
        self.host.inside('pkill -KILL -x racer', check=False)
        for process in self.processes:
            process.wait(20)
        self.got = sorted(f'{user}: {line}' for user in Host.USERS for line in self.lines(user) if not self.is_allowed(*line.split(' ', 1)))
        self.clear()
        assert not ended, f'{ended}: the racer ended by itself'

    def output(self, user):
        return self.folder / f'{user}.raced'

    def lines(self, *users):
        """What they have got so far, wherever."""
        return [line for user in users or Host.USERS for line in self.output(user).read_text().splitlines()[1:]]

    def is_allowed(self, action, path):
        return path.startswith(self.own) or action == 'read' and self.is_public(path) or action == 'lock' and path != LOCK

    def is_public(self, path):
        """Whether everybody may read it, or what it was to become; a program is no secret."""
        mode = self.host.inside(f"stat -c %a '{TEMPORARY.sub('', path)}'", check=False).strip()
        return mode.endswith(('4', '5')) or not mode and os.path.basename(path).startswith(('.agent-', '.try-', '.sealift-exec-'))

    def clear(self):
        for public in PUBLIC:
            self.host.inside(f'find {public} -mindepth 1 -maxdepth 1 \\( -user eve -o -user nobody \\) ! -name "racer-*" -exec rm -rf {{}} +')


def outside_unharmed(host):
    """What no user may have changed: a picture that is compared with a later one."""
    return host.inside('stat -c "%n %a %U %G" /etc/shadow /etc/passwd /etc /usr/local /usr/local/lib /opt /srv /var/lib /var/tmp; sha256sum /etc/shadow /etc/passwd; ls -a /etc/cron.d')


def made_by_root(host):
    """Files of root's at places that a user chose."""
    return host.inside('find /home/eve /var/tmp/racer-* -user root', check=False).split()


def ran_as_root(host):
    return host.inside(f'cat {RAN_AS_ROOT} 2>/dev/null', check=False)
