# SPDX-License-Identifier: Apache-2.0
"""The next version of an artifact: what plan says of each application, that only what is new travels and only what changed is
installed, that the former version is served until the new one is healthy and not longer, one that does not get healthy and goes
back, and that an older one is a question."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

from lab import Site
from many_apps import NAMESPACE, PACKER, available, helm, numbered, objects, pack, releases

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'cli'))
from registry_server import kube_paths
import small_base

LAB = 37
PARTS = numbered('part', 20)
ONE, TWO = PARTS[0], PARTS[1]
GONE = 'gone'
NEW_IMAGE = 'quay.io/example/large:2'
NEW_BYTES = 40_000_000
# Nobody pulls its image here; it is in the artifact all the same.
SPARE = """apiVersion: apps/v1
kind: Deployment
metadata: {name: spare}
spec:
  replicas: 0
  selector: {matchLabels: {app: spare}}
  template:
    metadata: {labels: {app: spare}}
    spec: {containers: [{name: main, image: "%s"}]}
"""


def second_version(folder):
    """ONE has a new chart version with a large new image."""
    small_base.add_image(folder / 'images', NEW_IMAGE, os.urandom(NEW_BYTES))
    (folder / f'charts/{ONE}/Chart.yaml').write_text(f'apiVersion: v2\nname: {ONE}\nversion: 1.1.0\n')
    (folder / f'charts/{ONE}/templates/spare.yaml').write_text(SPARE % NEW_IMAGE)
    return [f'IMAGE --from=oci:images {NEW_IMAGE}']


def third_version(folder):
    """TWO never gets ready."""
    (folder / f'charts/{TWO}/Chart.yaml').write_text(f'apiVersion: v2\nname: {TWO}\nversion: 3.0.0\n')
    values = folder / f'charts/{TWO}/values.yaml'
    values.write_text(values.read_text().replace('port: http', 'port: nobody'))
    return []


def oci_layout(folder):
    (folder / 'images/blobs/sha256').mkdir(parents=True)
    (folder / 'images/oci-layout').write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / 'images/index.json').write_text('{"schemaVersion": 2, "manifests": []}')
    return folder


@pytest.fixture(scope='module')
def versions(tmp_path_factory):
    """The artifacts 1.0, 2.0 and 3.0."""
    layout, parts = kube_paths()['LAYOUT'], dict.fromkeys(PARTS, 1)
    return (pack(tmp_path_factory.mktemp('first'), layout, {**parts, GONE: 1}),
            pack(oci_layout(tmp_path_factory.mktemp('second')), layout, parts, version='2.0', change=second_version),
            pack(tmp_path_factory.mktemp('third'), layout, parts, version='3.0', change=third_version))


@pytest.fixture(scope='module')
def site(lab, versions, tmp_path_factory):
    lab.up('cp1', 'w1')
    site = Site(lab, tmp_path_factory.mktemp('site'), workers=('w1',), artifact=versions[0])
    site.deliver()
    return site


def apply(site, *options, code=0):
    """The outcome."""
    done = site.run('apply', '--log-format', 'json', *options)
    assert done.code == code, done.output
    return next(event for event in done.events if event.get('event') == 'outcome')


def changed(outcome):
    return {entry['name'] for entry in outcome['applications'] if entry['changed']}


def payloads(lab):
    return sorted(name for name in lab.inside('cp1', 'ls /var/lib/sealift/payloads').split() if name.endswith('.payload'))


def received(lab):
    return int(lab.inside('cp1', 'cat /sys/class/net/eth0/statistics/rx_bytes'))


def new_bytes(folder, before, now):
    """What the second artifact has and the first has not."""
    env = {'PATH': os.environ['PATH'], 'HOME': str(folder), 'XDG_DATA_HOME': str(folder / 'data')}
    done = subprocess.run([PACKER, 'diff', before, now, '--json'], env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)['neededBytes']


def test_plan_says_what_changes(lab, site, versions):
    site.artifact = versions[1]
    planned = site.run('plan')
    assert planned.code == 0, planned.output
    line = next(line for line in planned.output.splitlines() if ONE in line)
    assert '1.0.0 → 1.1.0' in line and NEW_IMAGE in line, planned.output
    assert not any(name in planned.output for name in PARTS[1:]), planned.output
    assert releases(lab)[ONE] == ('deployed', 1)


def test_only_what_is_new_travels_and_is_installed(lab, site, versions, tmp_path):
    before = releases(lab)
    bytes_before, former = received(lab), payloads(lab)
    assert changed(apply(site)) == {ONE}
    sent, needed = received(lab) - bytes_before, new_bytes(tmp_path, versions[0], versions[1])
    print(f'sent {sent:,} of {needed:,} new bytes: {sent / needed:.3f}', flush=True)
    assert NEW_BYTES < needed < 1.1 * NEW_BYTES
    assert sent <= 1.05 * needed
    assert releases(lab) == {**before, ONE: ('deployed', 2)}
    assert available(lab) >= {*PARTS, GONE} and objects(lab, 'deployments')['spare']['spec']['replicas'] == 0
    # GONE is not in it, but still there: so is what it came from
    assert len(payloads(lab)) == 2 and set(former) < set(payloads(lab))
    told = site.run('plan')
    assert GONE in told.output and '0 steps to apply' in told.output, told.output


def test_the_former_version_goes_with_the_last_that_needs_it(lab, site):
    both = payloads(lab)
    site.deliver('remove', '--app', GONE, '--yes')
    assert GONE not in releases(lab)
    apply(site)
    assert len(payloads(lab)) == 1 and set(payloads(lab)) < set(both)
    assert available(lab) >= set(PARTS)
    assert '0 steps to apply' in site.run('plan').output
    # the mirror has what it needs
    pull = f'ctr -n k8s.io images pull --hosts-dir /etc/containerd/certs.d {NEW_IMAGE}'
    lab.inside('w1', pull)


def test_one_that_does_not_get_healthy_goes_back(lab, site, versions):
    """Meanwhile the former version is served on."""
    site.artifact = versions[2]
    document = {'apiVersion': 'sealift.dev/v1', 'kind': 'Application', 'metadata': {'name': TWO}, 'spec': {'timeout': '20s'}}
    site.extra = f'---\n{json.dumps(document)}\n'
    site.write()
    outcome = apply(site, code=15)
    assert [entry['name'] for entry in outcome['applications'] if entry['state'] == 'failed'] == [TWO]
    assert len(payloads(lab)) == 2
    history = json.loads(helm(lab, f'history {TWO} -o json'))
    assert [entry['chart'] for entry in history] == [f'{TWO}-1.0.0', f'{TWO}-3.0.0']
    site.deliver('rollback', '--app', TWO, '--yes')
    assert releases(lab)[TWO] == ('deployed', 3) and available(lab) >= set(PARTS)
    planned = site.run('plan')
    assert TWO in planned.output, planned.output    # cluster.yaml still wants the new one
    assert len(payloads(lab)) == 2


def test_an_older_one_is_a_question(lab, site, versions):
    site.artifact = versions[1]
    refused = site.run('plan')
    assert refused.code == 12 and '--allow-downgrade' in refused.output, refused.output
    assert changed(apply(site, '--allow-downgrade')) == {ONE, TWO}
    assert len(payloads(lab)) == 1 and available(lab) >= set(PARTS)
