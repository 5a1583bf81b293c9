# SPDX-License-Identifier: Apache-2.0
"""A site's patches of rendered objects, of charts and of plain manifests, by all three kinds; what becomes of the image check; a
patch that matches nothing, or that can't be made, changes nothing; one that is taken away is undone."""
import json
import pathlib
import sys

import pytest

from lab import Site, tree_hash
from many_apps import IMAGE, NAMESPACE, available, objects, pack, releases

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'cli'))
from registry_server import kube_paths

LAB = 36
CANARY = 'canary-in-a-patch'
MANIFESTS = """apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: notes}, data: {a: "1", b: "on"}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: other}, data: {a: "1"}}
"""


def patch(name, app, target, change, kind=None):
    spec = {'app': app, 'target': target, 'patch': change, **({'type': kind} if kind else {})}
    return {'apiVersion': 'sealift.dev/v1', 'kind': 'Patch', 'metadata': {'name': name}, 'spec': spec}


STRATEGIC = patch('more', 'one', {'kind': 'Deployment', 'name': 'one', 'namespace': NAMESPACE}, {
    'metadata': {'annotations': {'site': 'plant7'}},
    'spec': {'template': {'spec': {'containers': [{'name': 'web', 'env': [{'name': 'SITE', 'value': CANARY}]}]}}}})
MERGE = patch('words', 'one', {'kind': 'ConfigMap'}, {'data': {'text': None, 'site': 'plant7'}}, 'merge')
JSON = patch('none', 'two', {'kind': 'Deployment'}, [{'op': 'test', 'path': '/spec/replicas', 'value': 1},
                                                     {'op': 'replace', 'path': '/spec/replicas', 'value': 2}], 'json')
PLAIN = patch('plain', 'plain', {'kind': 'ConfigMap', 'name': 'notes'}, 'data: {c: "yes"}')


class Cluster:
    def __init__(self, site):
        self.site, self.patches = site, []

    def run(self, *words):
        self.site.extra = ''.join(f'---\n{json.dumps(document)}\n' for document in self.patches)
        self.site.write()
        return self.site.run(*words)

    def apply(self):
        """The names of the applications that changed."""
        done = self.run('apply', '--log-format', 'json')
        assert done.code == 0, done.output
        outcome = next(event for event in done.events if event.get('event') == 'outcome')
        return {entry['name'] for entry in outcome['applications'] if entry['changed']}


@pytest.fixture(scope='module')
def cluster(lab, tmp_path_factory):
    product = pack(tmp_path_factory.mktemp('product'), kube_paths()['LAYOUT'], {'one': 1, 'two': 1}, manifests={'plain': MANIFESTS})
    lab.up('cp1', 'w1')
    return Cluster(Site(lab, tmp_path_factory.mktemp('site'), workers=('w1',), artifact=product))


def test_delivered_with_patches_of_all_kinds(cluster, lab):
    cluster.patches = [STRATEGIC, MERGE, JSON, PLAIN]
    assert cluster.apply() >= {'one', 'two', 'plain'}
    one, two = objects(lab, 'deployments')['one'], objects(lab, 'deployments')['two']
    assert one['metadata']['annotations']['site'] == 'plant7'
    container, = one['spec']['template']['spec']['containers']
    assert {entry['name']: entry['value'] for entry in container['env']} == {'GREETING': 'hello', 'SITE': CANARY}
    assert (two['spec']['replicas'], container['image']) == (2, IMAGE)
    config = objects(lab, 'configmaps')
    assert config['one']['data'] == {'site': 'plant7'} and config['two']['data'] == {'text': 'hello'}
    assert config['notes']['data'] == {'a': '1', 'b': 'on', 'c': 'yes'} and config['other']['data'] == {'a': '1'}
    assert available(lab) == {'one', 'two'}
    # helm knows them as its own: nothing has drifted
    assert CANARY in lab.inside('cp1', f'helm --kubeconfig /etc/kubernetes/admin.conf -n {NAMESPACE} get manifest one')
    assert 'patch' not in lab.inside('cp1', 'find /run/sealift -name "*patch*" || true')


def test_a_second_run_has_nothing_to_do_and_plan_says_so(cluster, lab):
    before = releases(lab)
    assert cluster.apply() == set()
    planned = cluster.run('plan')
    assert planned.code == 0 and planned.output.count('\n0 steps to apply') == 1, planned.output
    assert releases(lab) == before


def test_what_it_says_is_in_no_log(cluster, lab):
    texts = [path.read_text(errors='replace') for path in cluster.site.state.rglob('*') if path.is_file()]
    assert texts and not any(CANARY in text for text in texts)
    assert CANARY not in lab.inside('cp1', 'cat /var/lib/sealift/ledger/ledger.jsonl; journalctl --no-pager')


@pytest.mark.parametrize('bad, words', [
    (patch('lost', 'two', {'kind': 'Deployment', 'name': 'tow'}, {'a': 1}), ('the patch lost matches nothing', 'did you mean Deployment/two?')),
    (patch('lost', 'nobody', {'kind': 'Deployment'}, {'a': 1}), ('the patch lost is for the application "nobody"', 'cluster.yaml:')),
    (patch('not', 'two', {'kind': 'Deployment'}, [{'op': 'remove', 'path': '/spec/nothing'}], 'json'), ('the patch not of Deployment/two',)),
    (patch('image', 'two', {'kind': 'Deployment'}, {'spec': {'template': {'spec': {'containers': [{'name': 'web', 'image': 'quay.io/no/where:1'}]}}}}),
     ('quay.io/no/where:1', 'not in the artifact')),
    (patch('image', 'plain', {'kind': 'ConfigMap', 'name': 'nots'}, {'a': 1}), ('the patch image matches nothing',)),
])
def test_what_can_not_be_made_changes_nothing(cluster, lab, bad, words):
    def picture():
        return [tree_hash(lab, name) for name in ('cp1', 'w1')], releases(lab)

    before = picture()
    good, cluster.patches = cluster.patches, [*cluster.patches, bad]
    try:
        for verb in ('plan', 'apply'):
            done = cluster.run(verb)
            assert done.code in (3, 12), done.output
            assert all(word in done.output for word in words), done.output
    finally:
        cluster.patches = good
    assert picture() == before


def test_taken_away_it_is_undone_and_only_there(cluster, lab):
    before = releases(lab)
    cluster.patches = [STRATEGIC, JSON, PLAIN]
    assert cluster.apply() == {'one'}
    assert objects(lab, 'configmaps')['one']['data'] == {'text': 'hello'}
    assert objects(lab, 'deployments')['one']['metadata']['annotations']['site'] == 'plant7'
    cluster.patches = []
    assert cluster.apply() == {'one', 'two', 'plain'}
    deployments, config = objects(lab, 'deployments'), objects(lab, 'configmaps')
    assert 'site' not in deployments['one']['metadata']['annotations'] and deployments['two']['spec']['replicas'] == 1
    assert config['notes']['data'] == {'a': '1', 'b': 'on'}
    assert releases(lab)['one'][1] == before['one'][1] + 2
