# SPDX-License-Identifier: Apache-2.0
"""Where the images lie: on a worker, moved from one host to another while pulls go on, on two hosts of which one dies, and in
a registry of the site, with TLS and a login."""
import json
import subprocess

import pytest

from footprint import footprint
from lab import Site, mirror_get, places_of, wait_for
from living import left_behind
from site_registries import SiteRegistry

LAB = 39
LOGIN = ('robot-a', 'of-a-7f3k')
HOSTS = ('cp1', 'w1', 'w2')
PAYLOADS = '/var/lib/sealift/payloads'
# Pulls an image through the host's mirror and forgets it, until its input ends. A line for each pull that failed.
PULLER = """asked=0
while ! read -t 0.2 _; do
  ctr -n pulls images pull --hosts-dir /etc/containerd/certs.d "$1" > /run/pull.log 2>&1 || { echo "pull $asked: $(tail -1 /run/pull.log)"; }
  ctr -n pulls images rm --sync "$1" > /dev/null 2>&1
  ctr -n pulls content ls -q | xargs -r ctr -n pulls content rm > /dev/null 2>&1
  asked=$((asked + 1))
done
echo "asked $asked"
"""


@pytest.fixture(scope='module')
def cluster(lab, tmp_path_factory, artifact):
    lab.up(*HOSTS, 'site')
    return Site(lab, tmp_path_factory.mktemp('site'), workers=('w1', 'w2'))


@pytest.fixture(scope='module')
def before(cluster, lab):
    assert cluster.run('plan').code == 0
    return {name: footprint(lab, name) for name in HOSTS}


@pytest.fixture(scope='module')
def image():
    """Of an application: not one that every node pulls at once."""
    return 'docker.io/library/nginx:1.22'


class Puller:
    def __init__(self, lab, host, image):
        self.host = host
        self.process = subprocess.Popen(['nsenter', '-t', str(lab.pid(host)), '-a', 'bash', '-c', PULLER, 'puller', image], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def failures(self):
        lines = self.process.communicate(input='\n', timeout=120)[0].splitlines()
        assert lines and int(lines[-1].removeprefix('asked ')) > 1, f'{self.host}: {lines}'
        return [f'{self.host}: {line}' for line in lines[:-1]]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def registry(cluster, **fields):
    cluster.cluster['spec']['registry'] = fields
    cluster.write()


def stored(lab, name):
    """MiB that payloads take on this host."""
    return int(lab.inside(name, f'find {PAYLOADS} -type f -exec du -cm {{}} + 2>/dev/null | tail -1 | cut -f1', check=False) or 0)


def mirror(lab, name):
    return json.loads(lab.inside(name, 'cat /etc/sealift/mirror.json'))


def asked(lab, name):
    return sorted(endpoint.rsplit(':', 1)[0] for endpoint in mirror(lab, name)['registryHosts'])


def pull(lab, name, image, check=True):
    lab.inside(name, f'ctr -n pulls images rm --sync {image}', check=False)
    return lab.inside(name, f'ctr -n pulls images pull --hosts-dir /etc/containerd/certs.d {image} 2>&1', check=check)


def again_nothing(cluster):
    assert 'nothing to do' in cluster.deliver().output


def test_a_worker_keeps_the_images_from_the_beginning(cluster, lab, before):
    registry(cluster, hosts=['w1'])
    cluster.deliver()
    again_nothing(cluster)
    assert stored(lab, 'w1') > 100 and stored(lab, 'w2') == 0 and stored(lab, 'cp1') < 20, {name: stored(lab, name) for name in HOSTS}
    assert asked(lab, 'cp1') == asked(lab, 'w2') == [lab.ip('w1')] and asked(lab, 'w1') == []
    assert cluster.run('check').code == 0


def test_it_moves_while_pulls_go_on(cluster, lab, image):
    pullers = [Puller(lab, name, image) for name in ('cp1', 'w2')]
    try:
        registry(cluster, hosts=['cp1', 'w2'])
        cluster.deliver()
        registry(cluster, hosts=['w2'])
        cluster.deliver()
        failures = [line for puller in pullers for line in puller.failures()]
    finally:
        for puller in pullers:
            puller.close()
    assert failures == []
    again_nothing(cluster)
    assert stored(lab, 'w1') == 0 and stored(lab, 'w2') > 100 and stored(lab, 'cp1') < 20, {name: stored(lab, name) for name in HOSTS}
    assert lab.inside('w1', 'ls /var/lib/sealift/artifacts').split() == []


def test_one_of_two_dies(cluster, lab, image):
    registry(cluster, hosts='all')
    cluster.deliver()
    registry(cluster, hosts=['w1', 'w2'])
    cluster.deliver()
    lab.run('kill', 'w2')
    try:
        assert 'FAILED' not in pull(lab, 'cp1', image)
        status, _ = mirror_get(lab, 'cp1', '/v2/library/never/manifests/1?ns=docker.io')
        assert status == 404
    finally:
        lab.run('start', 'w2')
    wait_for('w2 is well again', 180, lambda: cluster.run('check').code == 0)


@pytest.fixture(scope='module')
def harbor(lab, cluster, tmp_path_factory):
    made = SiteRegistry(lab, 'site', 5443, LOGIN, tmp_path_factory.mktemp('registries') / 'a')
    yield made
    made.close()


def external(cluster, harbor, **changed):
    fields = {'url': f'https://{harbor.name}/plant7', 'caFile': str(harbor.folder / 'ca.crt'), 'user': LOGIN[0], 'password': {'file': str(harbor.folder / 'password')}}
    registry(cluster, external={key: value for key, value in (fields | changed).items() if value is not None})


def test_an_external_registry_that_refuses(cluster, lab, harbor):
    hosts = {name: mirror(lab, name) for name in HOSTS}
    wrong = harbor.folder / 'wrong'
    wrong.write_text('not-the-password')
    wrong.chmod(0o600)
    external(cluster, harbor, password={'file': str(wrong)})
    done = cluster.run()
    assert done.code == 9 and 'check user and password of registry.external' in done.output, done.output
    assert 'not-the-password' not in done.output
    external(cluster, harbor, caFile=None)
    done = cluster.run()
    assert done.code == 6 and 'caFile of registry.external' in done.output, done.output
    external(cluster, harbor, url=f'https://{lab.ip("site")}:1/plant7')
    done = cluster.run()
    assert done.code == 8 and 'check the url of registry.external' in done.output, done.output
    assert {name: mirror(lab, name) for name in HOSTS} == hosts


def test_the_images_move_to_a_registry_of_the_site(cluster, lab, harbor, image):
    harbor.notes.write_text('')
    puller = Puller(lab, 'w2', image)
    try:
        external(cluster, harbor)
        done = cluster.deliver('--verbose')
        failures = puller.failures()
    finally:
        puller.close()
    assert failures == [] and 'upload' in done.output
    again_nothing(cluster)
    assert all(stored(lab, name) < 20 for name in HOSTS), {name: stored(lab, name) for name in HOSTS}
    # Under its name, by its digest, with the digest that the artifact has.
    for name in HOSTS:
        pull(lab, name, image)
        digest = lab.inside(name, f'ctr -n pulls images ls name=={image}').splitlines()[1].split()[2]
        assert digest.startswith('sha256:')
        repository, tag = image.removeprefix('docker.io/').rsplit(':', 1)
        status, _ = mirror_get(lab, name, f'/v2/{repository}/manifests/{digest}?ns=docker.io')
        assert status == 200
    # For people: a name that says where it is from.
    tags = json.loads(harbor.curl(f'https://{harbor.name}/v2/plant7/{image.rsplit(":", 1)[0]}/tags/list'))['tags']
    assert image.rsplit(':', 1)[1] in tags, tags
    assert cluster.run('check').code == 0


def test_the_login_is_where_it_must_be_alone(lab):
    for name in HOSTS:
        found = [place for place in places_of(lab, name, [LOGIN[1]]) if place != '/etc/sealift/registries/registries.json']
        assert found == [], f'{name}: {found}'


def test_an_image_that_is_gone_comes_back_with_apply(cluster, lab, harbor, image):
    harbor.stop()
    subprocess.run(['rm', '-rf', str(harbor.folder / 'store' / 'docker/registry/v2/repositories/plant7' / image.rsplit(':', 1)[0])], check=True)
    harbor.start()
    assert 'not in artifact' in pull(lab, 'w1', image, check=False) or mirror_get(lab, 'w1', f'/v2/{image.removeprefix("docker.io/").rsplit(":", 1)[0]}/manifests/{image.rsplit(":", 1)[1]}?ns=docker.io')[0] == 404
    cluster.deliver()
    pull(lab, 'w1', image)


def test_back_to_hosts_and_reset(cluster, lab, before, harbor, image):
    cluster.cluster['spec'].pop('registry')
    cluster.write()
    cluster.deliver()
    again_nothing(cluster)
    assert stored(lab, 'cp1') > 100 and stored(lab, 'w2') == 0
    pull(lab, 'w1', image)
    lab.inside('w1', 'ls -d /etc/sealift/registries', check=False)
    done = cluster.run('reset', '--yes', '--verify')
    assert done.code == 0, done.output
    for name in HOSTS:
        lab.inside(name, 'rm -f /run/pull.log')
    assert left_behind(lab, before, *HOSTS) == []
