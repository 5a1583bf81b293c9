# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes base, a middleware pack on it and a product on that, made by three people who share nothing but a registry;
pulled by a fourth, delivered, and followed by a second version of which only the difference travels, and by an artifact
without a base."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from lab import OUT, ROOT, Site, http_get, wait_for

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'cli'))
from registry_server import Registry, kube_paths

LAB = 6
SHOP = ROOT / 'packer/examples/shop'


class Person:
    """With a home and a local store of his own."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def sealift(self, *arguments):
        done = subprocess.run([str(OUT / 'sealift'), *map(str, arguments)], capture_output=True, text=True, cwd=self.folder,
                              env={'PATH': os.environ['PATH'], 'HOME': str(self.folder), 'XDG_DATA_HOME': str(self.folder / 'data')})
        assert done.returncode == 0, done.stderr
        return done.stdout

    def write(self, lines, *parts):
        for part in parts:
            shutil.copytree(SHOP / part, self.folder / 'context' / part)
        (self.folder / 'context/Kubefile').write_text('\n'.join(lines) + '\n')

    def build(self, name, *options):
        self.sealift('build', '-f', 'context/Kubefile', '-t', name, '--stub', OUT / 'stub-x86_64', '--images', f'oci:{kube_paths()["LAYOUT"]}',
                     *options, 'context')


@pytest.fixture(scope='module')
def registry(tmp_path_factory):
    folder = tmp_path_factory.mktemp('registry')
    running = Registry(folder, folder / 'store')
    yield running.name
    running.stop()


def greeting(lab):
    return re.search(r'welcome[^\n"]*', http_get(lab.ip('w1'), 30081)[1]).group(0)


def test_what_three_made_a_fourth_delivers(lab, registry, tmp_path):
    base, pack, shop = (f'{registry}/prod/{name}' for name in ('kubernetes:1.34', 'middleware:1.0', 'shop'))
    platform = Person(tmp_path / 'platform')
    platform.sealift('load', OUT / 'kubernetes.run', '-t', base)
    platform.sealift('push', base)
    middleware = Person(tmp_path / 'middleware')
    middleware.write([f'FROM {base}', 'CNI flannel local://charts/flannel', 'APP redis local://charts/redis'], 'charts/flannel', 'charts/redis')
    middleware.build(pack)
    said = middleware.sealift('push', pack, '--mount-from', 'prod/kubernetes')
    # the base is in the registry already
    assert re.search(r'\d+ MiB in \d+ blobs, .* in [0-9]{1,2} of them new', said), said
    product = Person(tmp_path / 'product')
    product.write([f'FROM {pack}', 'APP echo local://manifests/echo NEEDS redis', 'LAUNCH ["flannel", "redis", "echo"]'], 'manifests/echo')
    product.build(f'{shop}:1.0')
    product.sealift('push', f'{shop}:1.0', '--mount-from', 'prod/middleware')

    field = Person(tmp_path / 'field')
    field.sealift('pull', f'{shop}:1.0', '-o', 'delivery.run')
    lab.up('cp1', 'w1')
    site = Site(lab, tmp_path / 'site', workers=('w1',), artifact=field.folder / 'delivery.run')
    site.deliver()
    wait_for('echo answers', 60, lambda: greeting(lab) == 'welcome to the shop')

    manifest = next((product.folder / 'context/manifests/echo').glob('*.yaml'))
    manifest.write_text(manifest.read_text().replace('welcome to the shop', 'welcome to version two'))
    product.build(f'{shop}:2.0')
    difference = json.loads(product.sealift('diff', f'{shop}:1.0', f'{shop}:2.0', '--json'))
    assert [app['name'] for app in difference['applications']['changed']] == ['echo'] and not difference['images']['changed'], difference
    assert difference['neededBytes'] < 2_000_000
    product.sealift('push', f'{shop}:2.0')
    said = field.sealift('pull', f'{shop}:2.0', '-o', 'delivery.run')
    fetched = re.search(r', ([0-9.]+) (KiB|MiB) of it fetched now', said)
    assert float(fetched.group(1)) * (1 if fetched.group(2) == 'MiB' else 1 / 1024) < 5, said
    site.deliver()
    wait_for('the second version answers', 60, lambda: greeting(lab) == 'welcome to version two')

    # An artifact without a base, from people who know nothing of the others, onto the cluster that is there.
    front = Person(tmp_path / 'front')
    front.write(['FROM scratch', 'REQUIRES kubernetes >=1.31', 'APP nginx local://charts/nginx NAMESPACE front', 'LAUNCH ["nginx"]'], 'charts/nginx')
    front.build('front:1.0', '--tools', kube_paths()['BIN'])
    front.sealift('save', 'front:1.0', '-o', 'front.run')
    shop_artifact, site.artifact = site.artifact, front.folder / 'front.run'
    refused = site.run('plan')
    assert refused.code == 0, refused.output  # nothing stands in the way
    assert 'could not be checked' not in refused.output  # the cluster's helm rendered the chart here
    site.deliver()
    wait_for('the shop is open', 60, lambda: 'The shop is open' in http_get(lab.ip('w1'), 30080)[1])
    assert greeting(lab) == 'welcome to version two'
    assert 'nothing to do' in site.deliver().output
    told = site.deliver('status').output
    assert 'artifact front' in told and 'artifact ' in told, told
    # the other one again: it takes nothing away, and restarts nothing
    site.artifact = shop_artifact
    assert 'nothing to do' in site.deliver().output
    assert 'The shop is open' in http_get(lab.ip('cp1'), 30080)[1]
    # its image, pulled anew on the worker, comes from its payload; one that no artifact has does not come at all
    pull = 'ctr -n k8s.io images pull --hosts-dir /etc/containerd/certs.d'
    lab.inside('w1', f'ctr -n k8s.io images rm docker.io/library/nginx:1.22 && {pull} docker.io/library/nginx:1.22')
    assert lab.run('exec', 'w1', 'sh', '-c', f'{pull} docker.io/library/none:1', check=False).returncode != 0
