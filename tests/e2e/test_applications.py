# SPDX-License-Identifier: Apache-2.0
"""Sixty applications on one control plane and one worker: delivered side by side in the order of their needs, at most as many at
once as the site allows; looked at by as many programs as five are; one that fails takes nobody along but those that need it;
settings of a single one; a kill in the middle. What is claimed is asked of kubectl and helm on the host."""
import collections
import json
import pathlib
import sys
import time

import pytest

from lab import ExecTrace, Site, tree_hash, wait_for
from living import runs_in
from many_apps import available, numbered, objects, pack, releases

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'cli'))
from registry_server import kube_paths

LAB = 32    # from 16 to 31 it would have addresses of the cluster's services
PARTS = numbered('part', 60)
SPARE = 'spare'    # no site's business until one wants it
NEEDS = {'part-02': ['part-01'], 'part-03': ['part-02'],
         **{f'part-{number}': ['part-10'] for number in range(11, 16)},
         **{f'part-{number}': ['part-20'] for number in (21, 22)}}
CONCURRENCY = 8    # unless the site says otherwise


class Cluster:
    """A site whose Application documents are `settings`: specs by name."""

    def __init__(self, site):
        self.site, self.settings = site, {SPARE: {'enabled': False}}

    def write(self, apps=None):
        """`apps`: of cluster.yaml. Settings of applications that it does not name are left out."""
        spec = self.site.cluster['spec']
        spec.pop('apps', None)
        if apps:
            spec['apps'] = apps
        names = (apps or {}).get('names', [*PARTS, SPARE])
        documents = [{'apiVersion': 'sealift.dev/v1', 'kind': 'Application', 'metadata': {'name': name}, 'spec': settings}
                     for name, settings in self.settings.items() if name in names]
        self.site.extra = ''.join(f'---\n{json.dumps(document)}\n' for document in documents)
        self.site.write()

    def apply(self, code=0, apps=None):
        self.write(apps)
        done = self.site.run('apply', '--log-format', 'json')
        assert done.code == code, done.output
        return Outcome(next(event for event in done.events if event.get('event') == 'outcome'))


class Outcome:
    def __init__(self, event):
        self.applied, self.notes = event['applied'], event['notes']
        self.applications = {entry['name']: entry for entry in event['applications'] if entry['name'] != 'flannel'}
        self.changed = {name for name, entry in self.applications.items() if entry['changed']}

    def names(self, state):
        return {name for name, entry in self.applications.items() if entry['state'] == state}

    def reason(self, name):
        return self.applications[name]['reason']


@pytest.fixture(scope='module')
def cluster(lab, tmp_path_factory):
    product = pack(tmp_path_factory.mktemp('product'), kube_paths()['LAYOUT'], dict.fromkeys([*PARTS, SPARE], 1), NEEDS)
    lab.up('cp1', 'w1')
    return Cluster(Site(lab, tmp_path_factory.mktemp('site'), workers=('w1',), artifact=product))


def of_parts(run):
    """Beginnings and ends of the applications' steps, in their order: (record, name, status)."""
    return [(record['record'], record['step'].removeprefix('app.'), record.get('status')) for record in run
            if record['record'] in ('begin', 'end') and record['step'].startswith('app.')]


def most_at_once(run):
    working, most = set(), 0
    for record, name, _ in of_parts(run):
        (working.add if record == 'begin' else working.discard)(name)
        most = max(most, len(working))
    return most


def done_in(run):
    return {name for record, name, status in of_parts(run) if record == 'end' and status == 'done'}


def greetings(lab):
    """What the applications' pods are told, by name."""
    return {name: deployment['spec']['template']['spec']['containers'][0]['env'][0]['value'] for name, deployment in objects(lab, 'deployments').items()}


def available_since(deployment):
    return next(condition['lastTransitionTime'] for condition in deployment['status']['conditions'] if condition['type'] == 'Available' and condition['status'] == 'True')


def test_all_are_delivered_in_one_run(cluster, lab):
    begin = time.monotonic()
    done = cluster.apply()
    print(f'delivered in {time.monotonic() - begin:.0f} s', flush=True)
    assert done.names('healthy') == done.changed == set(PARTS), done.applications
    assert releases(lab) == dict.fromkeys(PARTS, ('deployed', 1))
    assert available(lab) == set(PARTS)
    assert set(PARTS) <= set(objects(lab, 'services')) and set(PARTS) <= set(objects(lab, 'configmaps'))


def test_what_others_need_comes_first(cluster, lab):
    """By the cluster's clock, and by the journal."""
    deployments = objects(lab, 'deployments')
    places = {(record, name): place for place, (record, name, _) in enumerate(of_parts(runs_in(cluster.site.state)[-1]))}
    for name, needs in NEEDS.items():
        for need in needs:
            assert available_since(deployments[need]) <= deployments[name]['metadata']['creationTimestamp'], (need, name)
            assert places['end', need] < places['begin', name], (need, name)


def test_they_are_delivered_side_by_side(cluster):
    most = most_at_once(runs_in(cluster.site.state)[-1])
    print(f'{most} at once', flush=True)
    assert 4 <= most <= CONCURRENCY


def second_run(cluster, lab, folder, apps=None):
    """How often it starts kubectl and helm on the control plane; fails if it does more than to look."""
    folder.mkdir()
    trace = ExecTrace(lab, ['cp1'], folder)
    begin = time.monotonic()
    try:
        done = cluster.apply(apps=apps)
    finally:
        took = time.monotonic() - begin
        calls = trace.stop()['cp1']
    assert (done.applied, done.changed) == (0, set())
    assert done.names('healthy') == set(done.applications)
    started = collections.Counter(pathlib.Path(argv[0]).name for argv in calls)
    print(f'{len(done.applications)} applications: {took:.1f} s, kubectl {started["kubectl"]}, helm {started["helm"]} times', flush=True)
    assert started['kubectl'] > 0, 'nothing was seen: is the trace working?'
    return started['kubectl'] + started['helm']


def test_a_second_run_asks_as_little_as_with_five(cluster, lab, tmp_path):
    of_all = second_run(cluster, lab, tmp_path / 'all')
    five = {'names': PARTS[50:55]}
    cluster.apply(apps=five)    # keeps this cluster.yaml, nothing else
    assert of_all <= second_run(cluster, lab, tmp_path / 'five', five)
    assert releases(lab) == dict.fromkeys(PARTS, ('deployed', 1))


def test_one_that_fails_takes_nobody_along_but_those_that_need_it(cluster, lab):
    """Its image is in no artifact. All others of the same run are delivered; mended, only what was left is."""
    broken, waiting, others = 'part-20', {'part-21', 'part-22'}, {'part-23', 'part-41', 'part-60'}
    missing = 'quay.io/example/echo:9.9'
    for name in waiting | others:
        cluster.settings[name] = {'values': {'greeting': 'changed'}}
    cluster.settings[broken] = {'values': {'image': missing}, 'ignoreImages': [missing]}
    done = cluster.apply(code=15)
    assert done.names('failed') == {broken} and missing in done.reason(broken), done.applications
    assert done.names('not_tried') == waiting, done.applications
    assert all(broken in done.reason(name) for name in waiting), done.applications
    assert done.names('healthy') == set(PARTS) - waiting - {broken}
    assert others <= done.changed and done.changed <= others | {broken}
    assert {name for name, text in greetings(lab).items() if text == 'changed'} == others
    assert available(lab) == set(PARTS) - {broken}
    before = releases(lab)
    assert before == {name: ('deployed', 2 if name in others | {broken} else 1) for name in PARTS}

    cluster.settings[broken] = {'values': {'greeting': 'mended'}}
    done = cluster.apply()
    assert done.names('healthy') == set(PARTS) and done.changed == {broken, *waiting}, done.applications
    assert {name for name, was in releases(lab).items() if was != before[name]} == {broken, *waiting}
    assert available(lab) == set(PARTS)
    assert greetings(lab) == {name: 'mended' if name == broken else 'changed' if name in waiting | others else 'hello' for name in PARTS}


def test_what_is_disabled_is_left_out(cluster, lab):
    """One that was never there, and one that is there: it stays as it is."""
    assert SPARE not in objects(lab, 'deployments') and SPARE not in releases(lab)
    before = releases(lab)
    del cluster.settings[SPARE]
    cluster.settings['part-30'] = {'enabled': False, 'values': {'greeting': 'nobody is greeted so'}}
    done = cluster.apply()
    assert done.changed == {SPARE} and 'part-30' not in done.applications, done.applications
    assert any('not among the applications of cluster.yaml: part-30' in note for note in done.notes), done.notes
    assert releases(lab) == {**before, SPARE: ('deployed', 1)}
    assert available(lab) == {*PARTS, SPARE}


def test_files_of_a_packed_chart_are_changed(cluster, lab):
    """What is merged or put in its place is a template still."""
    before = releases(lab)
    cluster.settings['part-31'] = {'files': [{'path': 'templates/config.yaml', 'strategy': 'merge', 'data': {'data': {'color': 'green'}}}]}
    cluster.settings['part-32'] = {'files': [{'path': 'templates/web.yaml', 'strategy': 'merge', 'data': 'metadata:\n  annotations: {site: plant7}\n'}]}
    text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: part-33}\ndata: {made: "for {{ .Release.Name }}"}\n'
    cluster.settings['part-33'] = {'files': [{'path': 'templates/config.yaml', 'strategy': 'overwrite', 'data': text}]}
    done = cluster.apply()
    assert done.changed == {'part-31', 'part-32', 'part-33'}, done.applications
    config, deployments = objects(lab, 'configmaps'), objects(lab, 'deployments')
    assert config['part-31']['data'] == {'text': 'hello', 'color': 'green'}
    assert deployments['part-32']['metadata']['annotations']['site'] == 'plant7'
    assert config['part-33']['data'] == {'made': 'for part-33'}
    assert available(lab) == {*PARTS, SPARE}
    assert {name for name, was in releases(lab).items() if was != before[name]} == done.changed


def test_a_file_that_the_chart_does_not_have_is_refused(cluster, lab):
    """Before anything is changed, also what else is new in cluster.yaml."""
    def picture():
        return [tree_hash(lab, name) for name in ('cp1', 'w1')], releases(lab)

    before, settings = picture(), dict(cluster.settings)
    cluster.settings['part-34'] = {'files': [{'path': 'templates/nobody.yaml', 'strategy': 'overwrite', 'data': 'a: b\n'}]}
    cluster.settings['part-35'] = {'values': {'greeting': 'changed'}}
    cluster.write()
    try:
        done = cluster.site.run()
    finally:
        cluster.settings = settings
    assert done.code in (3, 13), done.output
    assert 'part-34' in done.output and 'templates/nobody.yaml' in done.output, done.output
    assert picture() == before


def test_one_that_never_gets_ready(cluster, lab):
    """It fails after its own timeout, not after the usual ten minutes; if nobody shall wait for it, it is delivered."""
    name, never = 'part-40', {'port': 'nobody'}
    cluster.settings[name] = {'values': never, 'timeout': '20s'}
    begin = time.monotonic()
    done = cluster.apply(code=15)
    took = time.monotonic() - begin
    assert 20 <= took < 120, took
    assert done.names('failed') == {name} and name in done.reason(name), done.applications
    cluster.settings[name] = {'values': never, 'wait': 'applied'}
    done = cluster.apply()
    assert done.names('applied') == {name} and done.names('failed') == set(), done.applications
    assert releases(lab)[name][0] == 'deployed' and name not in available(lab)
    done = cluster.apply()
    assert (done.applied, done.names('applied')) == (0, {name}), done.applications
    del cluster.settings[name]
    assert cluster.apply().changed == {name}
    assert available(lab) == {*PARTS, SPARE}


# Two helms at least are killed in the middle of their work, as by a power cut; who had started them does not get to know it.
KILL_HELMS = """until [ "$(systemctl list-units --plain --no-legend 'sealift-app-*' | wc -l)" -ge 2 ]; do
  [ $((tries += 1)) -lt 300 ] || exit 1
done
systemctl kill --signal=KILL 'sealift-app-*'"""


def test_killed_in_the_middle_then_the_same_command(cluster, lab):
    twenty = set(PARTS[40:])
    for name in twenty:
        cluster.settings[name] = {'values': {'greeting': 'after the kill'}}
    cluster.write()
    state = cluster.site.state
    before = runs_in(state)[-1][0]['run']

    def some_are_done():
        run = runs_in(state)[-1]
        return run and run[0]['run'] > before and len(done_in(run)) >= 5

    with open(cluster.site.folder / 'killed.log', 'w') as log:
        process = cluster.site.start('apply', output=log)
        try:
            wait_for('five are done', 120, some_are_done)
            lab.inside('cp1', KILL_HELMS)
            assert process.poll() is None, 'the run had ended: nothing was shown'
        finally:
            process.kill()
            process.wait(30)
    killed = runs_in(state)[-1]
    assert most_at_once(killed) <= CONCURRENCY
    left = [f'{name} {status}' for name, (status, _) in releases(lab).items() if status != 'deployed']
    print(f'killed after {len(done_in(killed))} of {len(twenty)}; helm left: {", ".join(left) or "nothing"}', flush=True)
    assert len(done_in(killed)) < len(twenty)

    done = cluster.apply(apps={'concurrency': 3})
    assert most_at_once(runs_in(state)[-1]) <= 3
    assert done.names('healthy') == {*PARTS, SPARE} - {'part-30'}, done.applications
    assert done.changed <= twenty - done_in(killed), done.changed
    assert {name for name, text in greetings(lab).items() if text == 'after the kill'} == twenty
    assert {status for status, _ in releases(lab).values()} == {'deployed'}
    assert available(lab) == {*PARTS, SPARE}
    status = cluster.site.run('status')
    assert status.code == 0, status.output
    assert cluster.apply(apps={'concurrency': 3}).applied == 0
