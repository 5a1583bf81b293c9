# SPDX-License-Identifier: Apache-2.0
"""`report` on real hosts: of a cluster that was delivered, in all three formats, without any of the secrets that its cluster.yaml, its
files and its hooks have; with something broken, and that waived; from a machine without the journal."""
import json
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from lab import Site, tree_hash, wait_for

LAB = 33    # from 16 to 31 it would have addresses of the cluster's services
PLANES, WORKERS = ('cp1',), ('w1',)
ALL = (*PLANES, *WORKERS)
CANARIES = [f'kanarienvogel-{number:02}-x' for number in range(1, 26)]
FORMATS = ('html', 'json', 'xml')


def documents(app):
    """An application whose values are full of secrets that its chart does not know, and a hook that gets one."""
    keys = ('password', 'rootPassword', 'token', 'apiKey', 'accessKey', 'secretValue', 'credentials', 'privateKey', 'licenseKey', 'authorization', 'key', 'passphrase',
            'clientSecret', 'bearerToken', 'connectionSecret', 'PASSWD_PASS', 'oauth')
    values = dict(zip(keys, CANARIES))
    values['env'] = [{'name': 'DB_PASSWORD', 'value': CANARIES[17]}]
    values['url'] = f'postgres://erp:{CANARIES[18]}@db.lan/erp'
    values['pem'] = f'-----BEGIN PRIVATE KEY-----\n{CANARIES[19]}\n-----END PRIVATE KEY-----\n'
    values['secrets'] = [{'deep': {'deeper': CANARIES[23]}}]
    values['plain'] = 'this-may-be-read'
    return [
        {'apiVersion': 'sealift.dev/v1', 'kind': 'Application', 'metadata': {'name': app}, 'spec': {'values': {'e2eCanaries': values}, 'valuesFile': 'more.yaml'}},
        {'apiVersion': 'sealift.dev/v1', 'kind': 'Hook', 'metadata': {'name': 'scan'}, 'spec': {'after': 'hosts', 'program': 'scan.sh', 'inputFile': 'input'}},
    ]


def contents(artifact):
    return json.loads(subprocess.run([artifact, 'list', '--log-format', 'json'], capture_output=True, text=True, check=True).stdout)


@pytest.fixture(scope='module')
def cluster(lab, tmp_path_factory, artifact):
    lab.up(*ALL)
    site = Site(lab, tmp_path_factory.mktemp('site'), workers=WORKERS, control_planes=PLANES)
    packed = contents(site.artifact)
    chart = next(app['name'] for app in packed['apps'] if app['kind'] == 'helm' and app['name'] in packed['launch'])
    for name, text in {'more.yaml': f'e2eMore: {CANARIES[20]}\n', 'input': CANARIES[21], 'scan.sh': f'#!/bin/sh\n# {CANARIES[22]}\ncat > /dev/null\n',
                       'key.pem': CANARIES[24]}.items():
        (site.folder / name).write_text(text)
        (site.folder / name).chmod(0o600)
    site.cluster['spec']['files'].append({'src': 'key.pem', 'dest': '/etc/e2e-key.pem', 'mode': '0600'})
    site.extra = ''.join('---\n' + json.dumps(document) + '\n' for document in documents(chart))
    site.write()
    site.deliver()
    return site


def report(site, name, *arguments, code=0):
    path = site.folder / name
    done = site.run('report', '-o', str(path), *arguments)
    assert done.code == code, done.output
    text = path.read_text()
    for canary in CANARIES:
        assert canary not in text and canary not in done.output, canary
    return text


def is_well(site):
    """Some things take a cluster a moment after its delivery."""
    wait_for('nothing fails', 180, lambda: site.run('report', '-o', str(site.folder / 'probe.json')).code == 0)


def test_a_cluster_that_is_well(cluster, lab):
    is_well(cluster)
    before = {name: tree_hash(lab, name) for name in ALL}
    texts = {name: report(cluster, f'acceptance.{name}') for name in FORMATS}
    assert {name: tree_hash(lab, name) for name in ALL} == before
    found = json.loads(texts['json'])
    assert found['delivered'] and found['sums']['fail'] == 0 and found['sums']['ok'] > 20
    assert {host['name'] for host in found['hosts']} == set(ALL)
    for host in found['hosts']:
        assert host['cpus'] > 0 and host['memoryBytes'] > 0 and host['kernel'] and host['kubelet'].startswith('v1.') and host['steps']['done'] > 0 and host['steps']['notDone'] == 0
    assert found['journal']['sha256'].startswith('sha256:') and found['journal']['delivery']['result'] == 'complete'
    assert any(step['ms'] > 0 for step in found['journal']['delivery']['steps'])
    assert found['history'][0]['result'] == 'complete'
    assert all(app['standing'] == 'ok' for app in found['applications'] if app['wanted'] and not app.get('network'))
    assert all(image['digest'].startswith('sha256:') for image in found['images'])
    assert 'this-may-be-read' in found['configuration'] and '(not kept)' in found['configuration']
    suites = ElementTree.fromstring(texts['xml'])
    assert suites.get('failures') == '0' and int(suites.get('tests')) == len(found['checks'])
    for wanted in ('For the supplier', 'For the customer', found['artifact']['identity'], found['journal']['sha256'], *ALL):
        assert wanted in texts['html'], wanted


def test_what_fails_and_what_is_waived(cluster, lab):
    lab.inside('w1', 'systemctl stop sealift-mirror.socket sealift-mirror')
    try:
        found = json.loads(report(cluster, 'broken.json', code=15))
        failing = {check['id'] for check in found['checks'] if check['standing'] == 'fail'}
        assert 'mirror.answers' in failing and 'not as it should be' in found['verdict']
        assert 'FAIL' in report(cluster, 'broken.html', code=15)
        waivers = [word for id in sorted(failing) for word in ('--waive', f'{id}=known, mended on Monday')]
        text = report(cluster, 'waived.html', *waivers)
        assert 'WAIVED' in text and 'known, mended on Monday' in text
        assert ElementTree.fromstring(report(cluster, 'waived.xml', *waivers)).get('failures') == '0'
    finally:
        lab.inside('w1', 'systemctl start sealift-mirror.socket sealift-mirror')
    is_well(cluster)


def test_from_a_machine_without_the_journal(cluster):
    kept, cluster.state = cluster.state, cluster.folder / 'another-state'
    try:
        found = json.loads(report(cluster, 'elsewhere.json'))
        assert 'no journal' in found['journal']['trouble'] and found['history'][0]['result'] == 'complete'
        assert 'no journal of the cluster' in report(cluster, 'elsewhere.html')
    finally:
        cluster.state = kept


def test_usage(cluster):
    for arguments, words in ((('-o', 'a.pdf'), '.html, .json or .xml'), (('-o', 'a.html', '--waive', 'mirror.answer=x'), 'did you mean mirror.answers?'),
                             (('-o', 'a.html', '--waive', 'mirror.answers'), 'ID[@SUBJECT]=REASON')):
        done = cluster.run('report', *arguments)
        assert done.code == 2 and words in done.output, done.output
