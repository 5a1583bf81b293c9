# SPDX-License-Identifier: Apache-2.0
"""Test hosts, artifacts and clusters for the e2e tests."""
import dataclasses
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / 'out'
# A Kubernetes other than the base's default: SEALIFT_KUBERNETES=1.35.4 (tests/kube/versions)
KUBERNETES = os.environ.get('SEALIFT_KUBERNETES', '')
# Another than what `scripts/demo --artifact` packs: SEALIFT_ARTIFACT=FILE
GIVEN_ARTIFACT = os.environ.get('SEALIFT_ARTIFACT', '')
ARTIFACT = pathlib.Path(GIVEN_ARTIFACT) if GIVEN_ARTIFACT else OUT / (f'demo-{KUBERNETES}.run' if KUBERNETES else 'demo.run')
LAB_TOML = "version = 3\n[plugins.'io.containerd.cri.v1.runtime']\n  restrict_oom_score_adj = true\n"


class Lab:
    """One switch and its hosts. Each test module has its own lab, with its own network."""

    def __init__(self, name, number):
        self.env = dict(os.environ, SEALIFT_LAB=name, SEALIFT_LAB_NET=f'10.{80 + number}.0', SEALIFT_LAB_PREFIX=str(number))
        self.command = str(ROOT / 'tests/hosts/hosts')

    def run(self, *arguments, check=True, timeout=500, input=''):
        done = subprocess.run([self.command, *arguments], env=self.env, capture_output=True, text=True, timeout=timeout, input=input)
        if check and done.returncode != 0:
            raise AssertionError(f'hosts {" ".join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}')
        return done

    def up(self, *names):
        self.run('create', *names)
        self.run('start', *names)

    def ip(self, name):
        return self.run('ip', name).stdout.strip()

    def fingerprint(self, name):
        return self.run('fingerprint', name).stdout.strip()

    def key(self):
        return self.run('key').stdout.strip()

    def pid(self, name):
        return int(self.run('pid', name).stdout)

    def inside(self, name, script, check=True):
        """Runs a shell script on a host, without ssh."""
        return self.run('exec', name, 'sh', '-c', script, check=check).stdout

    def kubectl(self, name, arguments, check=True):
        return self.inside(name, f'kubectl --kubeconfig /etc/kubernetes/admin.conf {arguments}', check)

    def switch(self, *command, input=''):
        """Runs a command in the switch's network."""
        done = subprocess.run(['ip', 'netns', 'exec', f'sl{self.env["SEALIFT_LAB_PREFIX"]}-lan', *command], capture_output=True, text=True, timeout=60, input=input)
        assert done.returncode == 0, f'{" ".join(command)}: {done.returncode}\n{done.stdout}{done.stderr}'
        return done.stdout

    def close(self):
        self.run('purge_lab', check=False)


@dataclasses.dataclass
class Run:
    code: int
    output: str
    events: list


class Site:
    """A cluster.yaml for a lab's hosts, and the delivery.run commands that use it."""

    def __init__(self, lab, folder, workers=(), control_planes=('cp1',), artifact=ARTIFACT, ssh=None, extra=''):
        self.lab, self.folder, self.artifact = lab, pathlib.Path(folder), pathlib.Path(artifact)
        self.names = [*control_planes, *workers]
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / 'lab.toml').write_text(LAB_TOML)
        hosts = [{'address': lab.ip(name), 'name': name, 'role': 'worker' if name in workers else 'control-plane', 'hostKey': lab.fingerprint(name)}
                 for name in self.names]
        self.cluster = {
            'apiVersion': 'sealift.dev/v1', 'kind': 'Cluster', 'metadata': {'name': 'e2e'},
            'spec': {'ssh': ssh or {'user': 'root', 'keyPath': lab.key()}, 'hosts': hosts,
                     'files': [{'src': 'lab.toml', 'dest': '/etc/containerd/conf.d/lab.toml'}]},
        }
        self.extra = extra
        self.config = self.folder / 'cluster.yaml'
        self.state = self.folder / 'state'
        self.write()

    def write(self):
        proxy = {'apiVersion': 'kubeproxy.config.k8s.io/v1alpha1', 'kind': 'KubeProxyConfiguration', 'conntrack': {'maxPerCore': 0, 'min': 0}}
        self.config.write_text(json.dumps(self.cluster, indent=1) + '\n---\n' + json.dumps(proxy) + '\n' + self.extra)

    def start(self, *arguments, env=None, output=subprocess.PIPE):
        command = [str(self.artifact), *arguments, '--config', str(self.config), '--state', str(self.state)]
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, env=env)

    def run(self, *arguments, timeout=420, env=None):
        process = self.start(*arguments, env=env)
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            raise AssertionError(f'{arguments} did not end within {timeout} s:\n{output}') from None
        events = []
        for line in output.splitlines():
            if line.startswith('{'):
                events.append(json.loads(line))
        return Run(process.returncode, output, events)

    def deliver(self, *arguments, **options):
        done = self.run(*arguments, **options)
        assert done.code == 0, done.output
        return done


def http_get(address, port, timeout=5):
    """The status line and body of a GET; raises OSError."""
    with socket.create_connection((address, port), timeout=timeout) as connection:
        connection.sendall(b'GET / HTTP/1.0\r\nHost: test\r\n\r\n')
        data = b''
        while piece := connection.recv(65536):
            data += piece
    head, _, body = data.partition(b'\r\n\r\n')
    return head.split(b'\r\n')[0].decode(), body.decode(errors='replace')


def mirror_get(lab, name, path):
    """Status and body of what the mirror of this host answers to a program of its own, by TLS with the delivery's authority."""
    script = """import http.client, ssl, sys
context = ssl.create_default_context(cadata=sys.stdin.read())
connection = http.client.HTTPSConnection('127.0.0.1', 5000, context=context, timeout=90)
connection.request('GET', sys.argv[1])
answer = connection.getresponse()
print(answer.status, answer.read().decode(errors='replace'))"""
    authority = lab.inside(name, 'cat /etc/sealift/pki/ca.crt')
    done = subprocess.run(['nsenter', '-t', str(lab.pid(name)), '-n', sys.executable, '-c', script, path], input=authority, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    status, _, body = done.stdout.partition(' ')
    return int(status), body


def wait_for(what, seconds, probe):
    """Polls until `probe` returns something true; a failure shows its last result or exception."""
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            last = probe()
            if last:
                return last
        except (OSError, AssertionError, subprocess.SubprocessError) as error:
            last = error
        time.sleep(0.5)
    raise AssertionError(f'{what}: not within {seconds} s; last: {last}')


# What a second run must not change: configuration, programs, units.
TREES = '/etc /usr/local /opt /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env'


def tree_hash(lab, name):
    return lab.inside(name, f'find {TREES} -xdev -type f -exec sha256sum {{}} + | sort | sha256sum; find {TREES} -xdev -printf "%p %m %u %g %l\\n" | sort | sha256sum; '
                            'systemctl list-unit-files --no-legend --state=enabled | sort | sha256sum; sha256sum /var/lib/sealift/ledger/ledger.jsonl')


def places_of(lab, name, secrets):
    """The places on a host that contain any of the secrets: files and the journal. Namespaces can't be read and are skipped. A
    planted file must be found, and grep must not fail (if a file disappears meanwhile: retry). No command line has the patterns."""
    planted, patterns = '/tmp/planted', '\n'.join(secrets) + '\n'

    def search():
        done = lab.run('exec', name, 'grep', '-rlF', '--exclude-dir=netns', '-f', '-', *'/etc /home /opt /root /run /tmp /usr/local /var'.split(), check=False, input=patterns)
        assert done.returncode == 0 and planted in done.stdout.split(), f'{done.returncode}: {done.stdout}{done.stderr}'
        return done.stdout.split()

    lab.run('exec', name, 'tee', planted, input=secrets[-1])
    try:
        found = wait_for(f'a search on {name}', 30, search)
    finally:
        lab.inside(name, f'rm {planted}')
    found.remove(planted)
    journal = lab.inside(name, 'journalctl -q --no-pager -o cat')
    assert journal, 'the journal was not read'
    return found + ['journal'] * any(secret in journal for secret in secrets)


class OutsideCounter:
    """Counts, at the switch, what hosts and their pods send to anywhere except the hosts, the pods and the services, from the
    first moment of a boot. A host's output hook would not see what pods send, and its rules are lost with its power."""

    def __init__(self, lab):
        self.lab, net = lab, lab.env['SEALIFT_LAB_NET']
        # .254 is the default router; the kernel's own IPv6 link-local messages ask nobody
        lab.switch('nft', '-f', '-', input=f'''
table bridge outside {{
  counter asked {{ }}
  chain frames {{
    type filter hook prerouting priority 0
    ip daddr != {{ {net}.1-{net}.253, 10.244.0.0/16, 10.96.0.0/12 }} counter name asked
    ip6 daddr != {{ fe80::/10, ff02::/16 }} counter name asked
  }}
}}
''')

    def count(self):
        return int(re.search(r'packets (\d+) bytes', self.lab.switch('nft', 'list', 'counter', 'bridge', 'outside', 'asked'))[1])

    def close(self):
        self.lab.switch('nft', 'delete', 'table', 'bridge', 'outside')


def executed(trace):
    """The lines of strace's execve calls that succeeded. Two at the same time stand in two lines each: one unfinished, one resumed."""
    begun = {}
    for line in trace.splitlines():
        process = line.split(maxsplit=1)[0]
        if 'execve(' in line:
            begun[process] = line
        if line.rstrip().endswith('= 0') and process in begun:
            yield begun.pop(process)


class ExecTrace:
    """Every program that systemd, sshd and their descendants execute on the hosts: argv lists by host."""

    def __init__(self, lab, names, folder):
        self.files, self.tracers = {}, []
        for name in names:
            self.files[name] = pathlib.Path(folder) / f'{name}.exec'
            init = lab.pid(name)
            servers = subprocess.run(['pgrep', '-P', str(init), '-x', 'sshd'], capture_output=True, text=True, check=True).stdout.split()
            command = ['strace', '-f', '-qq', '-s', '4096', '-e', 'trace=execve', '-e', 'signal=none', '-o', str(self.files[name])]
            for pid in [str(init), *servers]:
                command += ['-p', pid]
            self.tracers.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
        time.sleep(1)
        assert all(tracer.poll() is None for tracer in self.tracers), [tracer.stderr.read() for tracer in self.tracers if tracer.poll() is not None]

    def stop(self):
        for tracer in self.tracers:
            tracer.terminate()
            tracer.communicate(timeout=30)
        calls = {}
        for name, path in self.files.items():
            calls[name] = [json.loads('[' + re.search(r'execve\("(?:[^"\\]|\\.)*", \[(.*?)\](?:\.\.\.)?, ', line)[1] + ']')
                           for line in executed(path.read_text(errors='replace'))]
        return calls


def damaged_copy(artifact, folder, offset):
    """A copy with one byte changed."""
    copy = pathlib.Path(folder) / 'damaged.run'
    shutil.copy(artifact, copy)
    with open(copy, 'r+b') as f:
        f.seek(offset)
        byte = f.read(1)
        f.seek(offset)
        f.write(bytes([byte[0] ^ 1]))
    return copy
