# SPDX-License-Identifier: Apache-2.0
"""For tests of clusters whose nodes come and go: a client that asks the API all the time, who is a node, who is in etcd, and
what a node that left has left on its host."""
import json
import subprocess
import sys

from footprint import differences

# Asks the API of the host whose network it is in, through that host's balancer, ten times a second, until its input ends, but
# for so many seconds at least. It reads an object that anybody may read and that the API server reads from etcd. Prints a
# line for each request that failed, and at the end how many there were.
CLIENT = """import http.client, json, select, ssl, sys, time
context = ssl._create_unverified_context()
asked, begun = 0, time.monotonic()
def told_to_end():
    return bool(select.select([sys.stdin], [], [], 0)[0])
while time.monotonic() < begun + float(sys.argv[1]) or not told_to_end():
    begin = time.monotonic()
    def failed(why):
        print(f'{why} after {time.monotonic() - begin:.1f} s, at {time.strftime("%H:%M:%S")}', flush=True)
    try:
        connection = http.client.HTTPSConnection('127.0.0.1', 7443, context=context, timeout=10)
        connection.request('GET', '/api/v1/namespaces/kube-public/configmaps/cluster-info')
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or json.loads(body)['metadata']['name'] != 'cluster-info':
            failed(f'{answer.status} {body[:200]}')
    except (OSError, ValueError, http.client.HTTPException) as error:
        failed(repr(error))
    asked += 1
    time.sleep(0.1)
print(f'asked {asked}')"""


class Client:
    """Asks on one host, from now until its failures are wanted."""

    def __init__(self, lab, host, at_least=0):
        self.host = host
        self.process = subprocess.Popen(['nsenter', '-t', str(lab.pid(host)), '-n', sys.executable, '-c', CLIENT, str(at_least)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def failures(self):
        """Ends it; its lines."""
        lines = self.process.communicate(timeout=300)[0].splitlines()
        assert lines and int(lines[-1].removeprefix('asked ')) > 20, f'{self.host}: {lines}'
        self.asked = int(lines[-1].removeprefix('asked '))
        return [f'{self.host}: {line}' for line in lines[:-1]]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def nodes_of(lab, asked='cp1'):
    """The nodes that are Ready, and those that are control planes."""
    nodes = json.loads(lab.kubectl(asked, 'get nodes -o json'))['items']
    ready = {node['metadata']['name'] for node in nodes for condition in node['status']['conditions'] if condition['type'] == 'Ready' and condition['status'] == 'True'}
    planes = {node['metadata']['name'] for node in nodes if 'node-role.kubernetes.io/control-plane' in node['metadata']['labels']}
    return ready, planes


def members_of(lab, asked='cp1'):
    """etcd's members: whether each still learns, and has no vote."""
    program = lab.inside(asked, 'ls -d /usr/local/lib/sealift/node-*').split()[0]
    members = json.loads(lab.inside(asked, f'{program} node etcd members'))['members']
    return {member['name']: member['learner'] for member in members}


def kubelets(lab, names):
    """The kubelets' processes: others after a restart."""
    return {name: int(lab.inside(name, 'systemctl show -p MainPID --value kubelet')) for name in names}


def left_behind(lab, before, *names):
    """But for the cache of the kubectl that the tests themselves call there."""
    return differences(lab, {name: before[name] for name in names}, but=('/root/.kube', '/tmp/'))


def runs_in(state):
    """The journal's runs, as lists of records. The last line may be torn by the kill."""
    runs, path = [], state / 'journal.jsonl'
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if record['record'] == 'run':
            runs.append([])
        runs[-1].append(record)
    return runs
