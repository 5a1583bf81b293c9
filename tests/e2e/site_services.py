# SPDX-License-Identifier: Apache-2.0
"""What a site may have of its own: an etcd and a balancer before the API servers, on a test host's network."""
import pathlib
import re
import subprocess
import sys

from certificates import openssl
from lab import ROOT, wait_for

# Passes connections on to the first of the given addresses that takes them, in turn.
PROXY = """import asyncio, itertools, sys
listen, backends = sys.argv[1], sys.argv[2].split(',')
turn = itertools.count()
async def pass_on(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
async def serve(reader, writer):
    first = next(turn)
    for i in range(len(backends)):
        host, port = backends[(first + i) % len(backends)].split(':')
        try:
            far_reader, far_writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 3)
        except (OSError, asyncio.TimeoutError):
            continue
        await asyncio.gather(pass_on(reader, far_writer), pass_on(far_reader, writer))
        return
    writer.close()
async def main():
    host, port = listen.split(':')
    async with await asyncio.start_server(serve, host, int(port)) as server:
        await server.serve_forever()
asyncio.run(main())"""


class Program:
    """Runs in the network of a host until it is closed."""

    def __init__(self, lab, host, *command, log):
        self.log = open(log, 'w')
        self.process = subprocess.Popen(['nsenter', '-t', str(lab.pid(host)), '-n', *map(str, command)], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=subprocess.STDOUT)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=30)
        self.log.close()


def balancer(lab, host, port, backends, folder):
    return Program(lab, host, sys.executable, '-c', PROXY, f'{lab.ip(host)}:{port}', ','.join(backends), log=folder / 'balancer.log')


def kube_programs():
    """The folder with the Kubernetes programs of the tests."""
    done = subprocess.run([str(ROOT / 'tests/kube/build'), '--print'], capture_output=True, text=True, check=True)
    return pathlib.Path(dict(line.split('=', 1) for line in done.stdout.splitlines() if '=' in line)['BIN'])


class Etcd:
    """One member with mutual TLS; its authority signs the client's certificate, too."""

    def __init__(self, lab, host, folder):
        self.lab, self.host, self.folder, self.ip = lab, host, pathlib.Path(folder), lab.ip(host)
        self.programs = kube_programs()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._authority()
        for name, extensions in (('server', f'subjectAltName=IP:{self.ip},IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth'), ('client', 'extendedKeyUsage=clientAuth')):
            self._issue(name, extensions)
        self.endpoint = f'https://{self.ip}:2379'
        self.start()

    def _authority(self):
        openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', 30, '-subj', '/CN=etcd of the site', '-keyout', self.folder / 'ca.key', '-out', self.folder / 'ca.crt')

    def _issue(self, name, extensions):
        key, request, settings = (self.folder / f'{name}.{end}' for end in ('key', 'csr', 'ext'))
        settings.write_text(extensions + '\n')
        openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', f'/CN={name}', '-keyout', key, '-out', request)
        openssl('x509', '-req', '-days', 30, '-in', request, '-CA', self.folder / 'ca.crt', '-CAkey', self.folder / 'ca.key', '-CAcreateserial', '-extfile', settings,
                '-out', self.folder / f'{name}.crt')
        key.chmod(0o600)

    def start(self):
        keys = ['--cert-file', self.folder / 'server.crt', '--key-file', self.folder / 'server.key', '--trusted-ca-file', self.folder / 'ca.crt', '--client-cert-auth']
        self.program = Program(self.lab, self.host, self.programs / 'etcd', '--name', 'site', '--data-dir', self.folder / 'data', '--listen-client-urls', self.endpoint,
                               '--advertise-client-urls', self.endpoint, *keys, log=self.folder / 'etcd.log')
        wait_for('etcd answers', 60, lambda: self.count() >= 0)

    def ctl(self, *words):
        command = ['nsenter', '-t', str(self.lab.pid(self.host)), '-n', str(self.programs / 'etcdctl'), '--endpoints', self.endpoint, '--cacert', str(self.folder / 'ca.crt'),
                   '--cert', str(self.folder / 'client.crt'), '--key', str(self.folder / 'client.key'), '--command-timeout', '5s', *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def count(self, prefix='/registry/'):
        return int(re.search(r'"Count" : (\d+)', self.ctl('get', '--prefix', prefix, '--count-only', '-w', 'fields'))[1])

    def fields(self):
        """For cluster.yaml."""
        return {'external': {'endpoints': [self.endpoint], 'caFile': str(self.folder / 'ca.crt'), 'certFile': str(self.folder / 'client.crt'), 'keyFile': str(self.folder / 'client.key')}}

    def close(self):
        self.program.close()
