# SPDX-License-Identifier: Apache-2.0
"""What becomes of applications and artifacts on a cluster: refused where another needs it, removed with the data kept and with it,
updated and taken back, listed and remembered; with an artifact's last application its payload goes. What is claimed is asked of
kubectl, helm and the hosts."""
import json
import pathlib
import re
import subprocess
import sys

import pytest

from lab import Site, wait_for
from many_apps import NAMESPACE, PACKER, STUB, chart, objects, pack, releases

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'cli'))
from registry_server import kube_paths

LAB = 33    # from 16 to 31 it would have addresses of the cluster's services
CLAIM = """apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: late-data}
spec: {storageClassName: "", volumeName: late-data, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
"""
VOLUME = {'apiVersion': 'v1', 'kind': 'PersistentVolume', 'metadata': {'name': 'late-data'},
          'spec': {'storageClassName': '', 'capacity': {'storage': '1Mi'}, 'accessModes': ['ReadWriteOnce'], 'persistentVolumeReclaimPolicy': 'Retain',
                   'hostPath': {'path': '/var/tmp/late-data'}, 'claimRef': {'namespace': NAMESPACE, 'name': 'late-data'}}}
# A StatefulSet without claims.
ROWS = """apiVersion: v1
kind: ConfigMap
metadata: {name: rows}
data: {text: hello}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: rows}
spec:
  serviceName: rows
  selector: {matchLabels: {app: rows}}
  template:
    metadata: {labels: {app: rows}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: "quay.io/example/echo:1.0"}]
"""


@pytest.fixture(scope='module')
def site(lab, tmp_path_factory):
    product = pack(tmp_path_factory.mktemp('product'), kube_paths()['LAYOUT'], {'first': 1, 'second': 1}, {'second': ['first']})
    lab.up('cp1', 'w1')
    site = Site(lab, tmp_path_factory.mktemp('site'), workers=('w1',), artifact=product)
    site.product = product
    site.deliver()
    return site


@pytest.fixture(scope='module')
def late(tmp_path_factory):
    """An artifact without a base: a chart with a claim of its own, and manifests that need it."""
    folder = tmp_path_factory.mktemp('late')
    chart(folder / 'charts/late', 'late', 1)
    (folder / 'charts/late/templates/claim.yaml').write_text(CLAIM)
    (folder / 'manifests/rows').mkdir(parents=True)
    (folder / 'manifests/rows/all.yaml').write_text(ROWS)
    (folder / 'Kubefile').write_text('\n'.join([
        'FROM scratch', 'REQUIRES kubernetes >=1.31', f'APP late local://charts/late NAMESPACE {NAMESPACE}',
        f'APP rows local://manifests/rows NAMESPACE {NAMESPACE} NEEDS late', 'LAUNCH ["late", "rows"]']) + '\n')
    out = folder / 'late.run'
    subprocess.run([PACKER, 'build', '-f', folder / 'Kubefile', '-t', 'late:1.0', '-o', out, '--stub', STUB, '--tools', kube_paths()['BIN'],
                    '--images', f'oci:{kube_paths()["LAYOUT"]}', folder], check=True, stdout=subprocess.DEVNULL)
    return out


def settings(site, **values):
    """Values of the application `first`."""
    document = {'apiVersion': 'sealift.dev/v1', 'kind': 'Application', 'metadata': {'name': 'first'}, 'spec': {'values': values}}
    site.extra = f'---\n{json.dumps(document)}\n' if values else ''
    site.write()


def listed(site):
    """By artifact, the names of its applications."""
    events = site.deliver('list', '--cluster', '--log-format', 'json').events
    return {event['name']: [app['name'] for app in event['applications']] for event in events if event['event'] == 'artifact'}


def history(site):
    return [event for event in site.deliver('history', '--log-format', 'json').events if event['event'] == 'delivery']


def payloads(lab):
    return lab.inside('cp1', 'ls /var/lib/sealift/payloads').split()


def text_of(lab, name):
    return objects(lab, 'configmaps')[name]['data']['text']


def test_needed_applications_stay_and_others_go(lab, site):
    refused = site.run('remove', '--app', 'first', '--yes')
    assert refused.code == 12 and 'second needs first' in refused.output, refused.output
    assert site.run('remove', '--app', 'flannel', '--yes').code == 12
    nobody = site.run('remove', '--app', 'secnd', '--yes')
    assert nobody.code == 7 and 'did you mean second?' in nobody.output, nobody.output
    assert {'first', 'second'} <= releases(lab).keys()
    told = site.deliver('remove', '--app', 'second', '--yes').output
    assert 'still selects second' in told, told
    assert 'second' not in releases(lab) and 'second' not in objects(lab, 'deployments')
    assert listed(site)['many'] == ['first', 'flannel']
    assert 'second is not installed' in site.deliver('remove', '--app', 'second', '--yes').output
    entries = history(site)
    assert [app['change'] for app in entries[0]['applications']] == ['removed'], entries[0]
    assert {app['name'] for app in entries[1]['applications']} == {'first', 'flannel', 'second'} and entries[1]['result'] == 'complete'
    assert sorted(entries[1]['joined']) == ['cp1', 'w1'] and '@' in entries[1]['by']
    # The next apply has it again, and one that changes nothing is no part of the history.
    site.deliver()
    assert releases(lab)['second'][0] == 'deployed'
    count = len(history(site))
    assert 'nothing to do' in site.deliver().output
    assert len(history(site)) == count


def test_an_update_goes_back(lab, site):
    assert site.run('rollback', '--app', 'first', '--yes').code == 7    # there is no former revision
    settings(site, greeting='changed')
    site.deliver()
    assert text_of(lab, 'first') == 'changed'
    told = site.deliver('rollback', '--app', 'first', '--yes').output
    assert 'rolled back: 1 application' in told, told
    assert text_of(lab, 'first') == 'hello'
    plan = site.run('plan', '--log-format', 'json')
    assert {event['step'] for event in plan.events if event.get('state') == 'needed'} >= {'app.first'}, plan.output
    assert history(site)[0]['applications'][0]['change'] == 'rolled back'
    site.deliver('rollback', '--app', 'first', '--to', '2', '--yes')
    assert text_of(lab, 'first') == 'changed'
    settings(site)
    site.deliver()
    assert text_of(lab, 'first') == 'hello'
    assert 'nothing to do' in site.deliver().output


def test_with_the_last_application_the_payload_goes(lab, site, late):
    lab.run('exec', 'cp1', 'sh', '-c', 'kubectl --kubeconfig /etc/kubernetes/admin.conf apply -f -', input=json.dumps(VOLUME))
    site.artifact = late
    site.deliver()
    assert listed(site) == {'many': ['first', 'flannel', 'second'], 'late': ['late', 'rows']}
    told = site.deliver('list', '--cluster').output
    assert 'late 1.0 (sha256:' in told and re.search(f'  rows +manifests +- +{NAMESPACE} ', told), told
    assert len([name for name in payloads(lab) if name.endswith('.payload')]) == 2
    site.artifact = site.product    # any artifact's program does it
    assert site.run('remove', '--app', 'late', '--yes').code == 12
    assert site.run('rollback', '--app', 'rows', '--yes').code == 13
    told = site.deliver('remove', '--app', 'late', '--app', 'rows', '--yes').output
    assert f'its data stays in {NAMESPACE}/late-data' in told and 'late 1.0 has no application left' in told, told
    assert 'late' not in releases(lab)
    for kind in ('statefulsets', 'configmaps', 'deployments'):
        assert not {'late', 'rows'} & objects(lab, kind).keys()
    claim = objects(lab, 'persistentvolumeclaims')['late-data']
    assert claim['metadata']['labels']['sealift.dev/application'] == 'late' and claim['status']['phase'] == 'Bound'
    assert listed(site) == {'many': ['first', 'flannel', 'second']}
    assert len([name for name in payloads(lab) if name.endswith('.payload')]) == 1
    assert 'nothing to do' in site.deliver().output
    # It may come again: helm takes its own claim over; and go with its data.
    site.artifact = late
    site.deliver()
    assert releases(lab)['late'][0] == 'deployed'
    told = site.deliver('remove', '--app', 'rows', '--app', 'late', '--with-data', '--yes').output
    wait_for('no claim is left', 30, lambda: not objects(lab, 'persistentvolumeclaims'))
    assert 'its data stays' not in told, told
    assert [(app['name'], app['change']) for app in history(site)[0]['applications']] == [('rows', 'removed'), ('late', 'removed')]
