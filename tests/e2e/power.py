# SPDX-License-Identifier: Apache-2.0
"""Power cuts that lose unsynced data: at random moments of a delivery, and of a cluster at work. One control plane and one
worker. A trial's actions depend only on its seed, apart from the machine's speed."""
import dataclasses
import datetime
import json
import random
import signal
import struct
import subprocess
import time

from lab import Site, http_get, wait_for

HOSTS = ('cp1', 'w1')
VICTIMS = (('cp1',), ('w1',), ('cp1', 'w1'))
CLUSTER_DNS = '10.96.0.10'
# A DNS query in a host's network: the hosts have no program for it.
ASK = '''import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); s.sendto(bytes.fromhex(sys.argv[2]), (sys.argv[1], 53))
print(s.recv(512).hex())'''


def dns_answers(lab, name):
    """True if the cluster's DNS, queried on a host, knows the API's service."""
    question = struct.pack('>HHHHHH', 7, 0x100, 1, 0, 0, 0)
    for label in 'kubernetes.default.svc.cluster.local'.split('.'):
        question += bytes([len(label)]) + label.encode()
    question += b'\0' + struct.pack('>HH', 1, 1)
    done = subprocess.run(['nsenter', '-t', str(lab.pid(name)), '-n', '/usr/bin/python3', '-c', ASK, CLUSTER_DNS, question.hex()],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, f'DNS asked on {name}: {done.stderr.strip().splitlines()[-1:]}'
    answer = bytes.fromhex(done.stdout.strip())
    assert answer[:2] == question[:2] and answer[3] & 15 == 0 and answer[7] > 0, f'DNS asked on {name}: {answer.hex()}'
    return True


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp()


def is_whole(lab, since=None):
    """Every node, pod, DNS and the application respond; AssertionError says what does not. `since`: by host, when its power
    came back; what the API reports from before that does not count."""
    since = since or {}
    nodes = {node['metadata']['name']: node for node in json.loads(lab.kubectl('cp1', 'get nodes -o json'))['items']}
    leases = {lease['metadata']['name']: lease for lease in json.loads(lab.kubectl('cp1', '-n kube-node-lease get leases -o json'))['items']}
    assert sorted(nodes) == sorted(HOSTS), sorted(nodes)
    for name, node in nodes.items():
        ready = {condition['type']: condition for condition in node['status']['conditions']}['Ready']
        assert ready['status'] == 'True', f'node {name}: {ready["message"]}'
        assert name in leases and seconds_of(leases[name]['spec']['renewTime']) > since.get(name, 0), f'node {name}: nothing heard of it since'
    pods = json.loads(lab.kubectl('cp1', 'get pods -A -o json'))['items']
    assert len([pod for pod in pods if 'coredns' in pod['metadata']['name']]) == 2
    for pod in pods:
        name, host = pod['metadata']['name'], pod['spec'].get('nodeName', '')
        conditions = {condition['type']: condition['status'] for condition in pod['status'].get('conditions', [])}
        assert conditions.get('Ready') == 'True', f'pod {name} on {host}: {pod["status"].get("phase")} {conditions}'
        for container in pod['status']['containerStatuses']:
            started = container['state'].get('running', {}).get('startedAt')
            assert started and seconds_of(started) >= since.get(host, 0) - 1, f'pod {name} on {host}: as it was before the cut'
    for name in HOSTS:
        assert dns_answers(lab, name)
        assert ' 200 ' in http_get(lab.ip(name), 30080)[0], name
    return True


def wait_until_whole(lab, seconds, since=None):
    """Returns how long it took."""
    begin = time.monotonic()
    wait_for('the cluster is whole', seconds, lambda: is_whole(lab, since))
    return time.monotonic() - begin


def cut(lab, victims, dark):
    """Power off, and on again after `dark` seconds; returns when it came back, by host."""
    lab.run('kill', *victims)
    time.sleep(dark)
    now = time.time()
    lab.run('start', *victims)
    return {name: now for name in victims}


@dataclasses.dataclass
class Trial:
    """One line of the table."""
    kind: str
    seed: int
    moment: float = 0       # seconds after the delivery began, or after the cluster was healthy
    victims: tuple = ()
    first: str = '-'        # exit code of the interrupted run
    again: str = '-'        # of the same command afterwards
    whole: str = ''         # seconds until the cluster was healthy
    fault: str = ''

    TITLE = f'{"":>9} {"seed":>10} {"moment":>7} {"cut":8} {"exit":>6} {"again":>6} {"whole":>7}'

    def __str__(self):
        return f'{self.kind:>9} {self.seed:>10} {self.moment:7.1f} {"+".join(self.victims):8} {self.first:>6} {self.again:>6} {self.whole:>7} {self.fault}'


SETTLE = 300  # seconds; the kubelet's longest pause between two attempts at one pod


def while_delivering(lab, folder, seed, longest, artifact):
    """Fresh hosts; the power fails within `longest` seconds of the delivery's start (or at its end, if that comes first).
    Sometimes the launch program dies too, otherwise it continues as long as it can. The same command then finishes."""
    chance = random.Random(seed)
    trial = Trial('delivery', seed, chance.uniform(0.3, longest), chance.choice(VICTIMS))
    launch_dies, dark = chance.random() < 0.5, chance.uniform(0, 8)
    lab.run('destroy', '--all')
    lab.up(*HOSTS)
    site = Site(lab, folder, workers=('w1',), artifact=artifact)
    with open(site.folder / 'first.log', 'w+') as log:
        process = site.start('--verbose', output=log)
        try:
            process.wait(trial.moment)
            trial.moment = -1    # delivered earlier: cut at once
        except subprocess.TimeoutExpired:
            if launch_dies:
                process.send_signal(signal.SIGKILL)
        since = cut(lab, trial.victims, dark)
        process.wait(1200)
    trial.first = str(process.returncode) if process.returncode >= 0 else 'killed'
    if trial.first == '0':   # reported as done: recovers without any help
        try:
            trial.whole = f'{wait_until_whole(lab, SETTLE, since):.0f}'
        except AssertionError as error:
            trial.fault = f'success was said: {error}'
            return trial
    return finish(site, lab, trial, since)


def at_work(lab, site, seed, longest=25):
    """A healthy cluster loses its power and recovers without help; then there is nothing to do."""
    chance = random.Random(seed)
    trial = Trial('at work', seed, chance.uniform(0, longest), chance.choice(VICTIMS))
    dark = chance.uniform(0, 8)
    time.sleep(trial.moment)
    since = cut(lab, trial.victims, dark)
    try:
        trial.whole = f'{wait_until_whole(lab, SETTLE, since):.0f}'
    except AssertionError as error:
        trial.fault = str(error)
        return trial
    trial = finish(site, lab, trial, since)
    if not trial.fault and 'nothing to do' not in (site.folder / 'again.log').read_text():
        trial.fault = 'the same command found something to do'
    return trial


def finish(site, lab, trial, since):
    with open(site.folder / 'again.log', 'w+') as log:
        trial.again = str(site.start('--verbose', output=log).wait(1500))
    if trial.again != '0':
        trial.fault = 'the same command failed: ' + (site.folder / 'again.log').read_text()[-600:]
        return trial
    try:
        trial.whole = f'{wait_until_whole(lab, SETTLE, since):.0f}' if not trial.whole else trial.whole
        is_whole(lab, since)
    except AssertionError as error:
        trial.fault = f'success was said: {error}'
    return trial
