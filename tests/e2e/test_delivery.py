# SPDX-License-Identifier: Apache-2.0
"""One control plane and two workers, from nothing to the applications' responses, and the operator's later commands."""
import datetime
import json
import re
import shutil
import subprocess
import sys
import time

import pytest

import certificates
from lab import TREES, ExecTrace, OutsideCounter, Site, http_get, mirror_get, places_of, tree_hash, wait_for

LAB = 2
HOSTS = ('cp1', 'w1', 'w2')


@pytest.fixture(scope='module')
def site(lab, tmp_path_factory, artifact):
    lab.up(*HOSTS)
    folder = tmp_path_factory.mktemp('site')
    copy = folder / 'delivery.run'
    shutil.copy(artifact, copy)
    site = Site(lab, folder, workers=('w1', 'w2'), artifact=copy)
    site.cluster['spec']['hosts'][1]['labels'] = {'zone': 'a'}
    site.cluster['spec']['hosts'][2]['taints'] = ['spare=yes:PreferNoSchedule']
    site.write()
    return site


def answers_everywhere(lab):
    for name in HOSTS:
        status, _ = http_get(lab.ip(name), 30080)
        assert ' 200 ' in status, f'{name}: {status}'
        _, body = http_get(lab.ip(name), 30081)
        assert 'hello' in body, f'{name}: {body}'
    return True


# A host's state, by its own tools. Without the log, which grows.
PICTURE = {
    'contents': f'find $(ls -d {TREES} /root 2>/dev/null) -xdev -type f -exec sha256sum {{}} +',
    'attributes': f'find $(ls -d {TREES} /root 2>/dev/null) -xdev -printf "%p %m %u %g %l\\n"',
    'names': 'find / -xdev -path /var/log -prune -o -type f -printf "%p %T@\\n" -o -print; find /run -path "/run/sealift*"',
    'sysctls': "sysctl -a --pattern '^net[.]'",
    'modules': 'ls /sys/module',   # the kernel's, shared by all hosts
    'units': 'systemctl list-units --all --plain --no-legend',
}
# What changes by itself: counted connections; what a login starts and what ends some time later; their timers and mounts;
# units that are only referred to. And the lock of a reading command, all that a plan may leave (OPERATIONS.md).
BY_ITSELF = re.compile(r'''
    net\.netfilter\.nf_conntrack_count\  | \S+\.(scope|timer)\  | user-\d+\.slice\  | user(-runtime-dir)?@\d+\.service\  | run-(user|credentials)-\S+\.mount\ 
  | \S+\ +not-found\  | /run/sealift(/lock)?$
''', re.VERBOSE)


def picture(lab, name):
    lines = {what: lab.inside(name, script).splitlines() for what, script in PICTURE.items()}
    lines['units'] = [' '.join(line.split()[:4]) for line in lines['units']]
    assert all(lines.values()), f'{name}: nothing was seen'
    return {what: {line for line in some if not BY_ITSELF.match(line)} for what, some in lines.items()}


def test_plan_changes_nothing(site, lab):
    """Files (also their bytes, for configuration and programs), network settings, modules, units."""
    for name in HOSTS:
        lab.inside(name, 'systemctl is-system-running --wait', check=False)    # booting has finished
    before = {name: picture(lab, name) for name in HOSTS}
    planned = site.run('plan')
    assert planned.code == 0, planned.output
    assert 'kubeadm init' in planned.output and 'kubeadm join' in planned.output
    for name in HOSTS:
        after = picture(lab, name)
        for what in PICTURE:
            assert sorted(before[name][what] ^ after[what]) == [], f'{name}: {what}'


def test_from_nothing(site, lab):
    done = site.deliver()
    assert 'delivered: 3 hosts' in done.output
    wait_for("every host answers", 60, lambda: answers_everywhere(lab))
    nodes = json.loads(lab.kubectl('cp1', 'get nodes -o json'))['items']
    assert sorted(node['metadata']['name'] for node in nodes) == sorted(HOSTS)
    by_name = {node['metadata']['name']: node for node in nodes}
    assert by_name['w1']['metadata']['labels']['zone'] == 'a'
    assert any(taint['key'] == 'spare' for taint in by_name['w2']['spec']['taints'])
    assert any('control-plane' in taint['key'] for taint in by_name['cp1']['spec']['taints'])


def test_names_are_unchanged(lab):
    pods = json.loads(lab.kubectl('cp1', 'get pods -A -o json'))['items']
    images = {container['image'] for pod in pods for container in pod['spec']['containers']}
    assert 'docker.io/library/nginx:1.22' in images and 'quay.io/example/echo:1.0' in images
    assert all(not image.startswith(('127.0.0.1', 'localhost', '10.')) for image in images)
    # by tag and digest together, under the original name
    digest = lab.inside('cp1', "ctr -n k8s.io images ls name==registry.k8s.io/pause:3.10.1 | tail -1 | tr -s ' ' | cut -d' ' -f3").strip()
    assert digest.startswith('sha256:')
    lab.inside('w1', f'ctr -n k8s.io images pull --hosts-dir /etc/containerd/certs.d registry.k8s.io/pause:3.10.1@{digest}')


def test_what_is_not_packed_is_refused_with_its_name(lab):
    done = lab.run('exec', 'w1', 'ctr', '-n', 'k8s.io', 'images', 'pull', '--hosts-dir', '/etc/containerd/certs.d', 'quay.io/library/nginx:1.22', check=False)
    assert done.returncode != 0 and 'not found' in done.stdout + done.stderr
    # the same path in another registry stays separate
    status, answer = mirror_get(lab, 'w1', '/v2/library/nginx/manifests/1.22?ns=quay.io')
    assert status == 404 and 'is not in artifact shop 1.0' in answer
    status, _ = mirror_get(lab, 'w1', '/v2/library/nginx/manifests/1.22')
    assert status == 400


def test_second_run_changes_nothing(site, lab):
    before = [tree_hash(lab, name) for name in HOSTS]
    done = site.deliver()
    assert 'nothing to do' in done.output
    assert [tree_hash(lab, name) for name in HOSTS] == before


# What a run that changes nothing may execute: a login's programs (PAM's message of the day), the agent, and queries.
QUESTIONS = re.compile(r'''
    /usr/sbin/sshd\ -D\ -R$ | (sh|bash)\ -c\  | ls\ -ldn\ / | uname\ | true$ | sudo\ -n\ true$
  | (/usr/bin/env\ -i\ PATH=\S+\ )?run-parts\ --lsbsysinit\ /etc/update-motd.d$ | /etc/update-motd.d/
  | /lib/systemd/systemd-user-runtime-dir\ | /lib/systemd/systemd\ --user$ | /usr/lib/systemd/user-(environment-)?generators/
  | /usr/local/lib/sealift/agent-[0-9a-f]{64}\ agent\ 
  | systemctl\ show\ 
  | kubectl\ --request-timeout=\S+\ (--namespace=\S+\ )?get\ 
  | ctr\ --namespace\ k8s.io\ images\ check\ --quiet\ 
  | /proc/self/exe\ node\ (pki\ look\ |releases$)
''', re.VERBOSE)


def test_second_run_executes_only_questions(site, lab, tmp_path):
    trace = ExecTrace(lab, HOSTS, tmp_path)
    try:
        done = site.deliver()
    finally:
        calls = trace.stop()
    assert 'nothing to do' in done.output
    for name in HOSTS:
        assert calls[name], f'{name}: nothing was seen: is the trace working?'
        assert [' '.join(argv) for argv in calls[name] if not QUESTIONS.match(' '.join(argv))] == [], name


def test_from_another_machine_without_a_journal(site, lab):
    before = [tree_hash(lab, name) for name in HOSTS]
    shutil.rmtree(site.state)
    done = site.deliver()
    assert 'nothing to do' in done.output
    assert [tree_hash(lab, name) for name in HOSTS] == before


def test_status_and_kubeconfig(site, lab, tmp_path):
    """With just the kubeconfig, an operator's kubectl trusts the API server at cp1's address and is admitted: the certificate
    is the cluster's and includes that address."""
    status = site.run('status')
    assert status.code == 0, status.output
    assert status.output.count('Ready') >= 6 and 'NotReady' not in status.output
    kubeconfig = site.run('kubeconfig')
    assert kubeconfig.code == 0
    assert f'https://{lab.ip("cp1")}:6443' in kubeconfig.output
    assert 'insecure' not in kubeconfig.output and 'tls-server-name' not in kubeconfig.output
    file = tmp_path / 'kubeconfig'
    file.touch(0o600)
    try:
        file.write_text(kubeconfig.output)
        kubectl = f'/proc/{lab.pid("cp1")}/root/usr/local/bin/kubectl'    # only control planes have one
        nodes = subprocess.run([kubectl, '--kubeconfig', str(file), '--cache-dir', str(tmp_path), 'get', 'nodes', '-o', 'name'],
                               env={}, capture_output=True, text=True, timeout=60)
    finally:
        file.unlink()
    assert sorted(nodes.stdout.split()) == [f'node/{name}' for name in HOSTS], nodes.stderr


def test_no_secret_lies_around(lab):
    """No join token: neither token-like text in Sealift's files nor a live token anywhere; only root can read keys. The API's
    store holds the live ones, as secrets of the cluster: it is skipped."""
    tokens = re.findall(r'"token": "([a-z0-9]{6}\.[a-z0-9]{16})"', lab.inside('cp1', 'kubeadm token list -o json'))
    assert len(tokens) >= len(HOSTS) - 1, 'no token is alive: nothing could be found'
    secrets = [token.split('.')[1] for token in tokens]
    for name in HOSTS:
        assert [path for path in places_of(lab, name, secrets) if not path.startswith('/var/lib/etcd/')] == [], name
        looks = lab.run('exec', name, 'grep', '-rEIl', r'\b[a-z0-9]{6}\.[a-z0-9]{16}\b', '/etc/sealift', '/var/lib/sealift', '/run/sealift', check=False)
        assert (looks.returncode, looks.stdout, looks.stderr) == (1, '', ''), name
        world = lab.inside(name, 'find /etc/sealift/pki \\( -name "*.key" -o -name "*.pem" \\) -perm /077')
        assert world == ''
    assert lab.inside('w1', 'ls /etc/sealift/pki').split() == ['ca.crt', 'node']
    assert lab.inside('w1', 'ls /etc/sealift/pki/node').split() == ['ca.crt', 'client.pem', 'server.pem']


def test_nodes_renew_their_certificates(site, lab, tmp_path):
    """With little life left, both of a control plane and of a worker: `status` warns, the timer's service renews them, and the
    mirrors show the new ones, and use them for pulls, without a restart."""
    nodes = ('cp1', 'w1')
    pairs = [(name, usage) for name in nodes for usage in certificates.USAGES]

    def mirror(name):
        return lab.inside(name, 'systemctl show -p MainPID,NRestarts,ActiveEnterTimestampMonotonic sealift-mirror')

    def look():
        return {one: certificates.pair(lab, *one) for one in pairs}

    delivered, mirrors = look(), {name: mirror(name) for name in nodes}
    assert 'EndsSoon' not in site.run('status').output
    for name, usage in pairs:
        certificates.make_old(lab, name, usage, tmp_path, days_left=20)
    old = look()
    for name in nodes:
        certificates.wait_until_served(lab, name, old[name, 'server'], 20)
    status = site.run('status')
    assert status.code == 0, status.output
    for usage in certificates.USAGES:
        assert re.search(rf'~ .*certificate cp1 {usage} +EndsSoon +ends at {old["cp1", usage].ends:%Y-%m-%dT%H:%M:%S}', status.output), status.output
    for name in nodes:
        lab.inside(name, 'systemctl start sealift-renew.service')
    new, now = look(), datetime.datetime.now(datetime.timezone.utc)
    for one in pairs:
        assert (new[one].name, new[one].addresses) == (delivered[one].name, delivered[one].addresses), one
        assert abs(new[one].ends - now - datetime.timedelta(365)) < datetime.timedelta(minutes=10), (one, new[one])
        assert new[one].key != old[one].key, one
    for name in nodes:
        certificates.wait_until_served(lab, name, new[name, 'server'], 20)
        assert mirror(name) == mirrors[name], 'the mirror was restarted'
        assert lab.inside(name, 'ls /etc/sealift/pki/node').split() == ['ca.crt', 'client.pem', 'server.pem']
        assert lab.inside(name, "stat -c '%a %U:%G' /etc/sealift/pki/node/*.pem").split('\n')[:2] == ['600 root:root'] * 2
    certificates.wait_until_served(lab, 'cp1', new['cp1', 'server'], 20, lab.ip('cp1'))    # for other hosts
    assert mirror_get(lab, 'w1', '/v2/library/nginx/manifests/1.22?ns=docker.io')[0] == 200    # by w1's new certificate, from cp1
    said = lab.inside('cp1', 'journalctl -q --no-pager -o cat -u sealift-authority')
    for name, usage in pairs:
        assert f'a new {usage} certificate for {name} at {lab.ip(name)}' in said, said
    status = site.run('status')
    assert status.code == 0 and 'EndsSoon' not in status.output, status.output
    assert 'nothing to do' in site.deliver().output


# Tries to listen on both ports, as a user who has no rights, until its input ends. Prints how often it could.
SQUAT = """import os, select, socket, sys
os.setuid(65534)
taken = tried = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    for port in (5000, 7443):
        tried += 1
        with socket.socket() as squatter:
            squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                squatter.bind(('127.0.0.1', port))
                squatter.listen()
                taken += 1
            except OSError:
                pass
print(taken, tried)"""


def test_nobody_gets_the_ports_of_the_services(lab):
    """Whatever becomes of the services: reload, restart, crash, again and again."""
    squatter = subprocess.Popen(['nsenter', '-t', str(lab.pid('cp1')), '-n', sys.executable, '-c', SQUAT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(3):
            lab.inside('cp1', 'systemctl restart sealift-mirror sealift-api; systemctl reload sealift-api')
            lab.inside('cp1', 'systemctl kill --signal=KILL sealift-mirror sealift-api')
            assert mirror_get(lab, 'cp1', '/v2/')[0] == 200    # waits at the socket for the next one
    finally:
        output, _ = squatter.communicate(timeout=30)    # ends its input
    taken, tried = map(int, output.split())
    assert taken == 0 and tried > 1000
    wait_for('the API answers through the balancer', 60, lambda: 'ok' in lab.kubectl('cp1', '--server https://127.0.0.1:7443 get --raw /readyz', check=False))


def test_who_takes_the_port_is_not_believed(lab):
    """Even root's own mistake: with the sockets stopped, another program answers, and nothing is pulled from it."""
    pull = 'ctr -n k8s.io images pull --hosts-dir /etc/containerd/certs.d docker.io/library/nginx:1.22'
    plain = "import http.server\nhttp.server.HTTPServer(('127.0.0.1', 5000), http.server.SimpleHTTPRequestHandler).serve_forever()"
    lab.inside('w1', 'systemctl stop sealift-mirror.socket sealift-mirror.service')
    squatter = subprocess.Popen(['nsenter', '-t', str(lab.pid('w1')), '-n', sys.executable, '-c', plain], stderr=subprocess.PIPE, text=True)
    try:
        wait_for('the other program listens', 10, lambda: ':5000' in lab.inside('w1', 'ss -ltn'))
        done = lab.run('exec', 'w1', *pull.split(), check=False)
        assert done.returncode != 0 and 'tls' in (done.stdout + done.stderr).lower(), done.stdout + done.stderr
    finally:
        squatter.kill()
        squatter.communicate()
        lab.inside('w1', 'systemctl start sealift-mirror.socket sealift-mirror.service')
    lab.inside('w1', pull)


def test_the_services_can_do_next_to_nothing(lab):
    for name in HOSTS:
        for service, can_read in (('sealift-mirror', '/etc/sealift/mirror.json'), ('sealift-api', '/etc/sealift/balancer.json')):
            exposure = lab.inside(name, f'systemd-analyze security --no-pager {service}.service | tail -1')
            assert float(re.search(r'[0-9]+\.[0-9]', exposure).group(0)) <= 2.0, (name, service, exposure)
            pid = int(lab.inside(name, f'systemctl show -p MainPID --value {service}'))
            root = f'/proc/{pid}/root'
            assert lab.inside(name, f'stat -c %u /proc/{pid}') != '0\n'
            assert lab.inside(name, f'cat {root}{can_read}').startswith('{')
            for hidden in ('/etc/shadow', '/etc/kubernetes', '/root/.ssh', '/usr/bin', '/etc/sealift/pki/ca.key'):
                seen = lab.inside(name, f'test -e {root}{hidden} && echo seen', check=False)
                assert seen == '' or (service == 'sealift-api' and hidden.endswith('ca.key')), (name, service, hidden)
            assert lab.inside(name, f"grep -E '^Core file size|^Max core' /proc/{pid}/limits | tr -s ' ' | cut -d' ' -f5").strip() == '0'


def test_it_lives_on_without_launch_machine_and_artifact(site, lab):
    """After a power cut of all hosts, with images deleted, everything responds again without any request to the network."""
    site.artifact.unlink()
    outside = OutsideCounter(lab)
    try:
        lab.inside('w1', "bash -c 'echo > /dev/udp/192.0.2.1/53'")
        wait_for('the counter counts', 5, lambda: outside.count() == 1)
        for name in ('w1', 'w2'):
            lab.inside(name, 'for i in $(ctr -n k8s.io images ls -q | grep -E "nginx|echo|redis"); do ctr -n k8s.io images rm $i; done')
        lab.kubectl('cp1', 'delete pods --all --wait=false')
        time.sleep(2)
        lab.run('kill', '--all')
        began = time.monotonic()
        for name in ('w2', 'cp1', 'w1'):
            lab.run('start', name)
        wait_for('every host answers again', 300, lambda: answers_everywhere(lab))
        print(f'{time.monotonic() - began:.0f} s from power on to the last answer')
        assert outside.count() == 1, 'somebody asked the network'
    finally:
        outside.close()
