# SPDX-License-Identifier: Apache-2.0
"""Registries of a site: real ones, with TLS and a login each, on a test host's network. Before each stands a door that
notes who asks with which login."""
import base64
import hashlib
import io
import json
import pathlib
import subprocess
import sys
import tarfile

from certificates import openssl
from lab import wait_for
from site_services import Program, kube_programs

# bcrypt takes long; these are of the passwords below.
HTPASSWD = {('robot-a', 'of-a-7f3k'): '$2b$04$MEKr9O0sgnHmUrGHeV/sduL6bzHLoJzpUr.iAJcQa7IPR72QlPELu',
            ('robot-b', 'of-b-9q2m'): '$2b$04$brnKAOZBc.gxlpnZyPj7/.8LtZJAj3RGEugOIyhNpDVlK9m6y9/OO'}
# TLS outside, HTTP inside; a line for each request: method, path, Authorization.
DOOR = """import http.client, http.server, ssl, sys
address, port, inside, certificate, key, notes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:7]
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *_):
        pass
    def pass_on(self):
        with open(notes, 'a') as f:
            f.write(f'{self.command} {self.path} {self.headers.get("Authorization", "-")}\\n')
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        far = http.client.HTTPConnection('127.0.0.1', inside, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ('connection',)}
        far.request(self.command, self.path, body, headers)
        answer = far.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for k, v in answer.getheaders():
            if k.lower() not in ('transfer-encoding', 'connection', 'content-length', 'date', 'server'):
                self.send_header(k, v)
        self.send_header('Content-Length', answer.headers['Content-Length'] if self.command == 'HEAD' and answer.headers['Content-Length'] else str(len(data)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(data)
    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = pass_on
server = http.server.ThreadingHTTPServer((address, port), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()"""


class SiteRegistry:
    """`place` for cluster.yaml; `name` in images: ADDRESS:PORT."""

    def __init__(self, lab, host, port, login, folder):
        self.lab, self.host, self.port, self.login, self.folder = lab, host, port, login, pathlib.Path(folder)
        self.ip = lab.ip(host)
        self.name, self.notes = f'{self.ip}:{port}', self.folder / 'notes'
        self.folder.mkdir(parents=True)
        self.notes.touch()
        (self.folder / 'password').write_text(login[1])
        (self.folder / 'password').chmod(0o600)
        (self.folder / 'htpasswd').write_text(f'{login[0]}:{HTPASSWD[login]}\n')
        (self.folder / 'config.yaml').write_text(json.dumps({
            'version': '0.1', 'log': {'level': 'error'}, 'storage': {'filesystem': {'rootdirectory': str(self.folder / 'store')}},
            'http': {'addr': f'127.0.0.1:{port + 1000}', 'relativeurls': True}, 'auth': {'htpasswd': {'realm': 'site', 'path': str(self.folder / 'htpasswd')}}}))
        self._certificates()
        self.programs = []
        self.start()

    def _certificates(self):
        openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', 30, '-subj', f'/CN=authority of {self.port}', '-keyout', self.folder / 'ca.key', '-out', self.folder / 'ca.crt')
        (self.folder / 'ext').write_text(f'subjectAltName=IP:{self.ip}\nextendedKeyUsage=serverAuth\n')
        openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=registry', '-keyout', self.folder / 'server.key', '-out', self.folder / 'server.csr')
        openssl('x509', '-req', '-days', 30, '-in', self.folder / 'server.csr', '-CA', self.folder / 'ca.crt', '-CAkey', self.folder / 'ca.key', '-CAcreateserial',
                '-extfile', self.folder / 'ext', '-out', self.folder / 'server.crt')

    def start(self):
        registry = Program(self.lab, self.host, 'env', 'OTEL_TRACES_EXPORTER=none', kube_programs() / 'registry', 'serve', self.folder / 'config.yaml', log=self.folder / 'registry.log')
        door = Program(self.lab, self.host, sys.executable, '-c', DOOR, self.ip, self.port, self.port + 1000, self.folder / 'server.crt', self.folder / 'server.key', self.notes,
                       log=self.folder / 'door.log')
        self.programs = [registry, door]
        wait_for(f'the registry {self.name} answers', 30, lambda: self.curl('-o', '/dev/null', '-w', '%{http_code}', f'https://{self.name}/v2/') == '200')

    def stop(self):
        for program in self.programs:
            program.close()
        self.programs = []

    def curl(self, *words, data=b''):
        done = subprocess.run(['nsenter', '-t', str(self.lab.pid(self.host)), '-n', 'curl', '-sS', '--cacert', str(self.folder / 'ca.crt'), '-u', ':'.join(self.login), *words],
                              input=data, capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    def _put_blob(self, repository, data):
        digest = 'sha256:' + hashlib.sha256(data).hexdigest()
        head = self.curl('-X', 'POST', '-D', '-', '-o', '/dev/null', f'https://{self.name}/v2/{repository}/blobs/uploads/')
        place = next(line.split(':', 1)[1].strip() for line in head.splitlines() if line.lower().startswith('location:'))
        place = place if place.startswith('https:') else f'https://{self.name}{place}'
        status = self.curl('-X', 'PUT', '-o', '/dev/null', '-w', '%{http_code}', '-H', 'Content-Type: application/octet-stream', '--data-binary', '@-',
                           f'{place}{"&" if "?" in place else "?"}digest={digest}', data=data)
        assert status == '201', status
        return digest

    def push(self, repository, tag, content):
        """An image with one file. Returns its digest."""
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode='w') as tar:
            entry = tarfile.TarInfo('content')
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        layer = layer.getvalue()
        diff = 'sha256:' + hashlib.sha256(layer).hexdigest()
        config = json.dumps({'architecture': 'amd64', 'os': 'linux', 'config': {}, 'rootfs': {'type': 'layers', 'diff_ids': [diff]}}).encode()
        manifest = json.dumps({'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json',
                               'config': {'mediaType': 'application/vnd.oci.image.config.v1+json', 'digest': self._put_blob(repository, config), 'size': len(config)},
                               'layers': [{'mediaType': 'application/vnd.oci.image.layer.v1.tar', 'digest': self._put_blob(repository, layer), 'size': len(layer)}]}).encode()
        status = self.curl('-X', 'PUT', '-o', '/dev/null', '-w', '%{http_code}', '-H', 'Content-Type: application/vnd.oci.image.manifest.v1+json', '--data-binary', '@-',
                           f'https://{self.name}/v2/{repository}/manifests/{tag}', data=manifest)
        assert status == '201', status
        return 'sha256:' + hashlib.sha256(manifest).hexdigest()

    def fields(self, **more):
        """For cluster.yaml: url, caFile, user, password."""
        return {'url': f'https://{self.name}', 'caFile': str(self.folder / 'ca.crt'), 'user': self.login[0], 'password': {'file': str(self.folder / 'password')}, **more}

    def logins_seen(self):
        """user:password of every request."""
        words = {line.split(' ', 2)[2] for line in self.notes.read_text().splitlines()}
        return {base64.b64decode(word.removeprefix('Basic ')).decode() for word in words if word != '-'}

    def close(self):
        self.stop()
