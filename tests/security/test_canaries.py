# SPDX-License-Identifier: Apache-2.0
"""Secrets of a site, put in through every way by which one can come in, while a delivery is planned, killed and finished at
its most talkative. Afterwards none is anywhere but where it belongs."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from canaries import Canaries, ProcessSampler, files_of_image
from lab import OUT, ROOT, Site, wait_for
from terminal import at_terminal

LAB = 9
WAYS = ('file', 'env', 'prompt')
# Chart values lie where helm and Kubernetes keep them: in the API's store.
STORE = r'/var/lib/etcd/member/.*'
# What the artifact brings lies in the payload, which the registry host has.
PAYLOAD = r'/srv/sealift/payloads/[0-9a-f]{64}\.payload'
PLACES = {
    'spec.values': [STORE], 'valuesFile': [STORE], 'a variable in spec.values': [STORE], 'VALUES': [STORE, PAYLOAD],
    'spec.files': ['/etc/vault/site.conf'], 'FILE': ['/etc/vault/packed.conf', PAYLOAD], 'a FILE template': ['/etc/vault/template.conf', PAYLOAD],
}
# Variables are in the environment with which a program is started, until it has read and overwritten them.
TO_READ_SECONDS = 3
VARIABLE = 'a variable in spec.values'
UNLIMITED = 'ulimit -c unlimited; '
CRASH = UNLIMITED + r'mkdir -p {0}; cd {0} && sh -c "kill -SEGV \$\$"; ls {0}'


def pack(folder, canaries):
    """A base with a network and a chart that makes a Secret."""
    charts = folder / 'charts'
    shutil.copytree(ROOT / 'packer/examples/shop/charts/flannel', charts / 'flannel')
    vault = charts / 'vault'
    (vault / 'templates').mkdir(parents=True)
    (vault / 'Chart.yaml').write_text('apiVersion: v2\nname: vault\nversion: 1.0.0\n')
    (vault / 'values.yaml').write_text('secrets: {}\n')
    (vault / 'templates/secret.yaml').write_text('apiVersion: v1\nkind: Secret\nmetadata: {name: vault}\nstringData: {{ toJson .Values.secrets }}\n')
    (folder / 'set.yaml').write_text(json.dumps({'secrets': {'set': canaries('VALUES')}}))
    (folder / 'packed.conf').write_text(canaries('FILE') + '\n')
    (folder / 'template.conf.tmpl').write_text('${NODE_NAME} ' + canaries('a FILE template').replace('$', '$$') + '\n')
    (folder / 'Kubefile').write_text(f'FROM {OUT}/kubernetes.run\nCNI flannel local://charts/flannel\nAPP vault local://charts/vault\nVALUES vault set.yaml\n'
                                     'FILE --mode=0600 packed.conf /etc/vault/packed.conf\nFILE --mode=0600 template.conf.tmpl /etc/vault/template.conf\nLAUNCH ["flannel", "vault"]\n')
    layout = re.search(r'LAYOUT=(.*)', subprocess.run([ROOT / 'tests/kube/build', '--print'], capture_output=True, text=True, check=True).stdout)[1]
    done = subprocess.run([OUT / 'sealift', 'build', '-t', 'vault:1.0', '-o', 'vault.run', '--stub', OUT / 'stub-x86_64', '--images', f'oci:{layout}', '.'], cwd=folder, text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert canaries.prefix not in done.stdout + done.stderr
    return folder / 'vault.run'


class Story:
    """A control plane, its configuration with all secrets, and everything that commands have printed."""

    def __init__(self, lab, folder):
        self.lab, self.folder, self.canaries, self.outputs = lab, folder, Canaries(), {}
        lab.up('cp1')
        lab.inside('cp1', 'printf "%s - core unlimited\n" "*" root > /etc/security/limits.d/cores.conf')
        (folder / 'context').mkdir()
        self.site = Site(lab, folder / 'site', artifact=pack(folder / 'context', self.canaries))
        self.inputs = folder / 'site'
        spec = self.site.cluster['spec']
        spec['hosts'][0]['dataRoot'] = '/srv/sealift'
        spec['files'].append({'src': 'site.conf', 'dest': '/etc/vault/site.conf', 'mode': '0600'})
        self.write('site.conf', self.canaries('spec.files'))
        self.write('values.yaml', json.dumps({'secrets': {'file': self.canaries('valuesFile')}}))
        self.canaries(VARIABLE)
        self.site.extra = '---\n' + json.dumps({
            'apiVersion': 'sealift.dev/v1', 'kind': 'Application', 'metadata': {'name': 'vault'},
            'spec': {'valuesFile': 'values.yaml', 'values': {'secrets': {'values': self.canaries('spec.values'), 'variable': '${SITE_SECRET}'}}}}) + '\n'
        for way in WAYS:
            # the passphrase goes in by the terminal: arguments are looked at
            key = self.inputs / f'key-{way}'
            at_terminal(['/usr/bin/ssh-keygen', '-q', '-t', 'ed25519', '-a', '4', '-C', 'canary', '-f', str(key)], dict(os.environ), folder,
                        [('Enter passphrase', self.canaries(f'keyPassphrase by {way}') + '\n'), ('same passphrase again', self.canaries(f'keyPassphrase by {way}') + '\n')])
            lab.run('exec', 'cp1', 'tee', '-a', '/home/admin/.ssh/authorized_keys', input=(self.inputs / f'key-{way}.pub').read_text())

    def write(self, name, text):
        (self.inputs / name).touch(0o600)
        (self.inputs / name).write_text(text + '\n')

    def set_password(self, user, name):
        self.lab.run('exec', 'cp1', 'chpasswd', input=f'{user}:{self.canaries(name)}\n')

    def source(self, name, way, env, answers):
        """The secret of that name, by that way."""
        text = self.canaries(f'{name} by {way}')
        if way == 'file':
            self.write(name, text)
        if way == 'env':
            env[name.upper()] = text
        if way == 'prompt':
            answers.append((f'{name} please', text + '\n'))
        return {'file': {'file': name}, 'env': {'env': name.upper()}, 'prompt': {'prompt': f'{name} please'}}[way]

    def log_in(self, way, with_key):
        """Sets the host's and the configuration's login; returns the environment and the answers for a command."""
        env, answers = dict(os.environ, SITE_SECRET=self.canaries(VARIABLE)), []
        if with_key:
            self.set_password('admin', f'sudoPassword by {way}')
            ssh = {'user': 'admin', 'keyPath': f'key-{way}', 'keyPassphrase': self.source('keyPassphrase', way, env, answers),
                   'sudoPassword': self.source('sudoPassword', way, env, answers)}
        else:
            self.set_password('ops', f'password by {way}')
            ssh = {'user': 'ops', 'password': self.source('password', way, env, answers)}
        self.site.cluster['spec']['ssh'] = ssh
        self.site.write()
        self.site.config.chmod(0o600)
        return env, answers

    def command(self, *arguments):
        return [str(self.site.artifact), *arguments, '--config', str(self.site.config), '--state', str(self.site.state)]

    def run(self, way, with_key, *arguments, timeout=900):
        env, answers = self.log_in(way, with_key)
        name = f'{" ".join(arguments)} {way} {with_key}'
        if answers:
            screen = at_terminal(self.command(*arguments), env, self.folder, answers, timeout)
            code, output = screen.code, screen.text
        else:
            done = self.site.run(*arguments, env=env, timeout=timeout)
            code, output = done.code, done.output
        self.outputs[name] = output
        assert code == 0, f'{name}: {code}\n{output}'

    def agent(self):
        """The agent's process on this machine, once it runs."""
        name = self.lab.run('exec', 'cp1', 'pgrep', '-o', '-f', 'sealift/agent-[0-9a-f]* agent', check=False).stdout.strip()
        return name and next((int(pid) for pid in os.listdir('/proc') if pid.isdigit() and self._is(pid, name)), None)

    def _is(self, pid, inner):
        with contextlib.suppress(OSError):
            with open(f'/proc/{pid}/status', encoding='ascii') as status:
                spaces = re.search(r'NSpid:\s+(.*)', status.read())[1].split()
            with open(f'/proc/{pid}/cmdline', 'rb') as line:
                return len(spaces) > 1 and spaces[-1] == inner and b'sealift/agent-' in line.read()
        return False

    def interrupted(self, way, launch_signal, agent_signal, *arguments, until):
        """A command whose agent and launch program get these signals in the middle, with no limit to core files."""
        env, _ = self.log_in(way, True)
        process = subprocess.Popen(['sh', '-c', UNLIMITED + 'exec "$@"', 'sh', *self.command(*arguments)], env=env, cwd=self.folder, text=True, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            wait_for('it is at work', 240, until)
            agent = wait_for('the agent runs', 180, self.agent)
            assert process.poll() is None, 'the run had ended: nothing was interrupted'
            os.kill(agent, agent_signal)
            os.kill(process.pid, launch_signal)
            process.wait(60)    # of itself: another signal could end it before it has written a core
        finally:
            process.kill()
            output, _ = process.communicate()
        self.outputs[f'interrupted {" ".join(arguments)}'] = output
        assert process.returncode == -launch_signal, process.returncode


@pytest.fixture(scope='module')
def story(lab, tmp_path_factory):
    story = Story(lab, tmp_path_factory.mktemp('canaries'))
    with ProcessSampler(story.canaries) as story.sampler:
        for way in WAYS:
            story.run(way, False, 'plan', '--verbose', *(['--log-format', 'json'] if way == 'env' else []))
        story.run('file', True, 'plan', '--verbose', '--log-format', 'json')
        story.interrupted('env', signal.SIGKILL, signal.SIGKILL, '--verbose',
                          until=lambda: lab.inside('cp1', 'ls /etc/vault/site.conf 2>/dev/null', check=False).strip())
        story.run('prompt', True, '--verbose')
        story.interrupted('env', signal.SIGSEGV, signal.SIGABRT, '--verbose', until=lambda: True)
        story.run('file', True, '--verbose', '--log-format', 'json')
        story.run('env', True, 'status', '--verbose')
    return story


def test_every_way_in_was_used(story):
    assert len(story.canaries.words) >= 16
    assert any('nothing to do' in output for output in story.outputs.values())
    assert story.sampler.samples > 100 and {'vault.run', 'sshd', 'sudo'} <= story.sampler.seen, story.sampler.seen
    assert any(name.startswith(('agent-', 'kubeadm', 'helm')) for name in story.sampler.seen), story.sampler.seen
    secret = json.loads(story.lab.kubectl('cp1', 'get secret vault -o json'))['data']
    assert sorted(secret) == ['file', 'set', 'values', 'variable']


def test_no_output_has_one(story):
    assert [name for name, output in story.outputs.items() if story.canaries.hits(output.encode())] == []


def test_no_process_shows_one(story):
    """Neither in arguments nor in the environment, but for the launch program's own: a secret's variable until it has been read,
    and one that is used as a value, which is the operator's and seen by root alone (the program can't be looked into)."""
    def is_own(what, program, name, seconds):
        return what == 'environ' and program == 'vault.run' and (name == VARIABLE or name.endswith(' by env') and seconds < TO_READ_SECONDS)
    assert [hit for hit in story.sampler.hits if not is_own(*hit)] == []


def test_the_launch_machine_keeps_none(story):
    given = {story.inputs / name for name in ('cluster.yaml', 'site.conf', 'values.yaml', 'password', 'sudoPassword', 'keyPassphrase')}
    there = story.canaries.below(story.folder / 'site')
    assert set(there) <= given, there
    assert (story.site.state / 'journal.jsonl').stat().st_size > 1000
    for folder in ('/dev/shm', '/tmp', '/var/tmp'):
        names = [name for name in os.listdir(folder) if name.startswith(('sealift-private-', 'core'))]
        assert names == [], f'{folder}: {names}'


def test_no_core_of_any_program(story):
    """Core files are allowed for whoever logs in, and here: those of shells show it."""
    folder = story.folder / 'cores'
    made = subprocess.run(['sh', '-c', CRASH.format(folder)], capture_output=True, text=True, check=False).stdout
    inside = story.lab.run('ssh', 'cp1', CRASH.format('/root/cores'), check=False).stdout
    assert made.startswith('core') and inside.startswith('core'), 'no core files are written: nothing would be shown'
    assert [path for path in story.folder.rglob('core*') if path.is_file() and folder not in path.parents] == []
    found = story.lab.inside('cp1', "find / -xdev -name 'core*' -type f -size +100k ! -path '/usr/*' ! -path '/var/lib/containerd/*'").split()
    assert found and all(path.startswith('/root/cores/') for path in found), found


def test_a_running_host_shows_none(story):
    """Its journals, and memory that looks like files."""
    canaries, lab = story.canaries, story.lab
    journal = lab.inside('cp1', 'journalctl -q --no-pager -o export')
    assert 'sealift' in journal and canaries.hits(journal.encode()) == []
    patterns = '\n'.join(form.decode() for form in canaries.forms.values()) + '\n'
    found = lab.run('exec', 'cp1', 'grep', '-rlaF', '--exclude-dir=netns', '-f', '-', '/run', '/tmp', '/dev/shm', check=False, input=patterns)
    # a pod that has the Secret would see it below /run; there is none
    assert found.stdout.split() == []


def test_the_disk_of_the_host_has_them_in_their_places_only(story):
    """Byte by byte: also what was deleted. The last test, since it takes the power away."""
    canaries, lab = story.canaries, story.lab
    lab.inside('cp1', 'sync')
    lab.run('stop', 'cp1')
    image = pathlib.Path('/var/tmp/sealift-labs', lab.env['SEALIFT_LAB'], 'store/cp1.img')
    hits = canaries.in_file(image)
    files = files_of_image(image, [hit.offset for hit in hits])
    found = {(hit.name if hit.form == 'plain' else hit.form, files[hit.offset]) for hit in hits}
    assert {name for name, _ in found} >= set(PLACES) - {'VALUES'}, f'not all that must be there was found: {found}'
    wrong = sorted((name, str(path)) for name, path in found if not is_place(name, path))
    assert wrong == []


def is_place(name, path):
    """Space that etcd's files have left belongs to nobody any more: a value may still be there."""
    return any(path is None and place == STORE or path is not None and re.fullmatch(place, path) for place in PLACES.get(name, []))
