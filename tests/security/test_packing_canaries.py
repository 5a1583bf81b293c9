# SPDX-License-Identifier: Apache-2.0
"""Secrets of the one who packs: logins of registries and proxies, by every way. None is in an argument, an environment, a
message or an artifact; the login file has those that were given to `login`. And mistakes with secrets: no message repeats one."""
import base64
import json
import os
import subprocess
import urllib.parse

import pytest

import small_base
from canaries import Canaries, ProcessSampler
from image_server import ImageServer, Proxy
from lab import OUT
from terminal import at_terminal

USER = 'ann'


class Packer:
    def __init__(self, folder):
        self.folder, self.canaries, self.outputs, self.servers = folder, Canaries(), {}, []
        self.home, self.context, self.programs = folder / 'home', folder / 'context', folder / 'programs'
        for made in (self.home / '.docker', self.context, self.programs):
            made.mkdir(parents=True)
        self.lines = small_base.write(self.context)
        self.config = self.home / '.docker/config.json'

    def serve(self, name):
        """A registry that wants this canary as its password."""
        self.servers.append(ImageServer(self.context / 'images', login=f'{USER}:{self.canaries(name)}'))
        return self.servers[-1]

    def environment(self, **more):
        return {'PATH': f'{self.programs}:/usr/bin:/bin', 'HOME': str(self.home), 'XDG_DATA_HOME': str(self.folder / 'data'), **more}

    def run(self, name, *arguments, given=None, code=0, env=None):
        done = subprocess.run([OUT / 'sealift', *map(str, arguments)], capture_output=True, text=True, cwd=self.folder, env=env or self.environment(), input=given, timeout=120)
        self.outputs[name] = done.stdout + done.stderr
        assert done.returncode == code, f'{name}: {done.returncode}\n{done.stdout}{done.stderr}'
        return self.outputs[name]

    def build(self, name, lines, *options, code=0, env=None):
        (self.context / 'Kubefile').write_text('\n'.join(['FROM scratch', *lines]) + '\n')
        return self.run(name, 'build', '-f', self.context / 'Kubefile', '-o', self.folder / f'{len(self.outputs)}.run', '--platform', 'linux/amd64', '--stub', OUT / 'stub-x86_64',
                        *options, self.context, code=code, env=env)


@pytest.fixture(scope='module')
def packer(tmp_path_factory):
    packer = Packer(tmp_path_factory.mktemp('packer'))
    with ProcessSampler(packer.canaries) as packer.sampler:
        everything(packer)
    yield packer
    for server in packer.servers:
        server.stop()


def image(server):
    return [f'IMAGE {server.name}/pause:3.10.1']


def everything(packer):
    canaries = packer.canaries
    by_input, by_prompt, by_file, by_helper, by_pair = [packer.serve(f'login by {way}') for way in ('input', 'prompt', 'file', 'helper', 'a name and a password')]
    packer.run('a wrong password', 'login', by_input.name, '-u', USER, '--password-stdin', given=canaries('a wrong password') + '\n', code=9)
    packer.run('login by input', 'login', by_input.name, '-u', USER, '--password-stdin', given=canaries('login by input') + '\n')
    screen = at_terminal([str(OUT / 'sealift'), 'login', by_prompt.name, '-u', USER], packer.environment(), packer.folder, [('assword', canaries('login by prompt') + '\n')])
    packer.outputs['login by prompt'] = screen.text
    assert screen.code == 0, screen.text
    for name, server in (('input', by_input), ('prompt', by_prompt)):
        packer.build(f'a build after login by {name}', image(server))
    other = packer.folder / 'auth.json'
    other.touch(0o600)
    other.write_text(json.dumps({'auths': {by_file.name: {'auth': base64.b64encode(f'{USER}:{canaries("login by file")}'.encode()).decode()},
                                           by_pair.name: {'username': USER, 'password': canaries('login by a name and a password')}},
                                 'credHelpers': {by_helper.name: 'canary'}}))
    # the helper's answer comes from a file, else its own text would show it to the sampler
    (packer.folder / 'answer').write_text(json.dumps({'Username': USER, 'Secret': canaries('login by helper')}))
    helper = packer.programs / 'docker-credential-canary'
    helper.write_text(f'#!/bin/sh\ncat {packer.folder}/answer\n')
    helper.chmod(0o755)
    for server in (by_file, by_pair, by_helper):
        packer.build(f'a build with {server.name}', image(server), env=packer.environment(REGISTRY_AUTH_FILE=str(other)))
    helper.write_text(f'#!/bin/sh\ncat {packer.folder}/answer; cat {packer.folder}/answer >&2; exit 3\n')
    packer.build('a helper that fails', image(by_helper), code=9, env=packer.environment(REGISTRY_AUTH_FILE=str(other)))
    other.write_text(json.dumps({'auths': {by_file.name: {'identitytoken': canaries('identity token'), 'auth': base64.b64encode(b'<token>:').decode()}}}))
    packer.build('a token that is not accepted', image(by_file), code=9, env=packer.environment(REGISTRY_AUTH_FILE=str(other)))
    other.write_text('{"auths": {"x": {"auth": "' + canaries('a damaged login file') + '\x01"}}')
    packer.build('a damaged login file', image(by_file), code=3, env=packer.environment(REGISTRY_AUTH_FILE=str(other)))
    proxies(packer)
    mistakes(packer)


def proxies(packer):
    plain = ImageServer(packer.context / 'images')
    packer.servers += [plain, Proxy(plain)]
    password = urllib.parse.quote(packer.canaries('proxy'), safe='')
    url = packer.servers[-1].url.replace('http://', f'http://{USER}:{password}@')
    packer.build('a proxy', ['IMAGE registry.example:5000/pause:3.10.1'], '--plain-http', 'registry.example:5000', env=packer.environment(http_proxy=url))
    packer.build('a proxy that opens no tunnel', ['IMAGE registry.example/pause:3.10.1'], code=8, env=packer.environment(https_proxy=url))
    for name, wrong in (('scheme', f'socks5://{USER}:{password}@127.0.0.1:1'), ('port', f'http://{USER}:{password}@127.0.0.1:port')):
        env = packer.environment(http_proxy=wrong)
        packer.build(f'a proxy with a wrong {name}', ['IMAGE registry.example:5000/pause:3.10.1'], '--plain-http', 'registry.example:5000', code=4 if name == 'scheme' else 3, env=env)


def mistakes(packer):
    """What a user writes to the wrong place. (Arguments of his own command he sees himself.)"""
    canaries = packer.canaries
    password = urllib.parse.quote(canaries('a URL in a Kubefile'), safe='')
    packer.build('a URL with a login', [f'ADD --checksum=sha256:{"0" * 64} https://{USER}:{password}@127.0.0.1:1/file file'], code=3)
    packer.build('a chart with a login', [f'APP x repo:https://{USER}:{password}@127.0.0.1:1/charts/x@1.0.0'], code=3)


@pytest.fixture
def cluster(tmp_path):
    def write(ssh, more=''):
        path = tmp_path / 'cluster.yaml'
        path.write_text(f'apiVersion: sealift.dev/v1\nkind: Cluster\nmetadata: {{name: x}}\nspec:\n  ssh: {ssh}\n  hosts:\n  - {{address: 127.0.0.1, role: control-plane}}\n{more}')
        return path
    return write


MISTAKES = {
    'a password in the text': ('{{password: "{0}"}}', ''),
    'a secret of two kinds': ('{{password: {{file: "{0}", env: X}}}}', ''),
    'a secret of an unknown kind': ('{{password: {{value: "{0}"}}}}', ''),
    'a passphrase in the text': ('{{keyPath: x, keyPassphrase: "{0}"}}', ''),
    'a list': ('{{sudoPassword: ["{0}"]}}', ''),
}


@pytest.mark.parametrize('kind', MISTAKES)
def test_a_secret_in_the_wrong_place_is_not_repeated(artifact, cluster, tmp_path, kind):
    canaries = Canaries()
    ssh, more = MISTAKES[kind]
    path = cluster(ssh.format(canaries(kind).replace('"', '\\"')), more)
    for form in ([], ['--log-format', 'json', '--verbose']):
        done = subprocess.run([artifact, 'plan', '--offline', '--config', path, *form], capture_output=True, text=True, env={'PATH': '/usr/bin:/bin', 'HOME': str(tmp_path)}, timeout=60)
        assert done.returncode in (3, 7), done.stdout + done.stderr
        assert canaries.hits((done.stdout + done.stderr).encode()) == [], done.stdout + done.stderr


def test_all_were_used(packer):
    assert len(packer.canaries.words) >= 10
    assert packer.sampler.samples > 20 and 'sealift' in packer.sampler.seen
    served = [server for server in packer.servers if isinstance(server, ImageServer)]
    assert all(any(asked.path.startswith('/v2/pause') for asked in server.asked) for server in served), 'a registry was not asked'


def test_no_message_has_one(packer):
    assert {name: output for name, output in packer.outputs.items() if packer.canaries.hits(output.encode())} == {}


def test_no_process_shows_one(packer):
    """A proxy's login is in the environment, where curl and all others read it; only the one who packs and root see that."""
    assert [hit for hit in packer.sampler.hits if not (hit[0] == 'environ' and hit[2] in ('proxy', '?') and hit[1] == 'sealift')] == []


def test_files_have_only_what_was_to_be_kept(packer):
    """The login file, for its owner alone; the test's own files; no artifact."""
    there = packer.canaries.below(packer.folder)
    assert set(there) <= {packer.config, packer.folder / 'auth.json', packer.folder / 'answer', packer.context / 'Kubefile'}, there
    assert packer.config in there and packer.config.stat().st_mode & 0o777 == 0o600
    kept = json.loads(packer.config.read_text())['auths']
    assert sorted(kept) == sorted(server.name for server in packer.servers[:2])
    leftover = [name for name in os.listdir('/tmp') if name.startswith('sealift-private-')]
    assert leftover == [], leftover
