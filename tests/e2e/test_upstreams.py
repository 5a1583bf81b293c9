# SPDX-License-Identifier: Apache-2.0
"""A site with two private registries: their images come through the registry host, each with its own login, and from what it
keeps when a registry is away."""
import os
import time

import pytest

from footprint import footprint
from lab import Site, mirror_get, places_of, wait_for
from living import left_behind
from site_registries import SiteRegistry

LAB = 40
A, B = ('robot-a', 'of-a-7f3k'), ('robot-b', 'of-b-9q2m')
PULL = 'ctr -n k8s.io images pull --hosts-dir /etc/containerd/certs.d'
CACHE = '/var/lib/sealift/cache/blobs'


@pytest.fixture(scope='module')
def registries(lab, tmp_path_factory):
    lab.up('cp1', 'w1', 'site')
    folder = tmp_path_factory.mktemp('registries')
    a, b = SiteRegistry(lab, 'site', 5443, A, folder / 'a'), SiteRegistry(lab, 'site', 6443, B, folder / 'b')
    a.push('team/app', '1.0', b'of A')
    a.push('team/other', '1.0', b'another of A')
    b.push('team/app', '1.0', b'of B')
    for registry in (a, b):
        registry.notes.write_text('')
    yield a, b
    a.close()
    b.close()


@pytest.fixture(scope='module')
def cluster(lab, registries, tmp_path_factory):
    a, b = registries
    site = Site(lab, tmp_path_factory.mktemp('site'), workers=('w1',))
    site.cluster['spec']['registry'] = {'upstreams': [a.fields(match=f'{a.name}/*'), b.fields(match=f'{b.name}/*')], 'cache': '1Gi'}
    site.write()
    return site


@pytest.fixture(scope='module')
def before(cluster, lab):
    assert cluster.run('plan').code == 0
    return {name: footprint(lab, name) for name in ('cp1', 'w1')}


def pull(lab, name, image, check=True):
    return lab.inside(name, f'{PULL} {image} 2>&1', check=check)


def forget(lab, name, image):
    lab.inside(name, f'ctr -n k8s.io images rm --sync {image}')


def ask(lab, name, registry, path):
    return mirror_get(lab, name, f'/v2/{path}?ns={registry.name}')


def test_images_of_both_registries_come_through_the_registry_host(cluster, lab, registries, before):
    a, b = registries
    cluster.deliver()
    for name in ('w1', 'cp1'):
        pull(lab, name, f'{a.name}/team/app:1.0')
        pull(lab, name, f'{b.name}/team/app:1.0')
    assert 'nothing to do' in cluster.deliver().output


def test_each_registry_sees_its_own_login_alone(registries):
    a, b = registries
    assert a.logins_seen() == {':'.join(A)}
    assert b.logins_seen() == {':'.join(B)}


def test_the_passwords_are_where_they_must_be_alone(lab):
    for name in ('cp1', 'w1'):
        found = [place for place in places_of(lab, name, [A[1], B[1]]) if place != '/etc/sealift/registries/registries.json']
        assert found == [], f'{name}: {found}'
    assert lab.inside('cp1', 'stat -c "%a %U" /etc/sealift/registries/registries.json').strip() == '600 root'
    assert lab.inside('w1', 'ls /etc/sealift/registries /var/lib/sealift/cache', check=False) == ''
    assert lab.inside('cp1', f'stat -c "%a %U" {CACHE}/..').strip() == '700 root'


def test_what_the_artifact_brought_wins(lab, registries, cluster):
    """A registry has an image of the same name and tag; nobody asks it."""
    a, _ = registries
    upstreams = cluster.cluster['spec']['registry']['upstreams']
    upstreams.append(a.fields(match='docker.io/*'))
    cluster.write()
    cluster.deliver()
    status, ours = ask_docker(lab, 'library/nginx/manifests/1.22')
    a.push('library/nginx', '1.22', b'not ours')
    a.push('library/nginx', '9.99', b'of A alone')
    for name in ('cp1', 'w1'):
        assert ask_docker(lab, 'library/nginx/manifests/1.22', name) == (status, ours)
        assert status == 200
        wait_for('the new upstream is asked', 30, lambda: ask_docker(lab, 'library/nginx/manifests/9.99', name)[0] == 200)
    upstreams.pop()
    cluster.write()
    cluster.deliver()


def ask_docker(lab, path, name='cp1'):
    return mirror_get(lab, name, f'/v2/{path}?ns=docker.io')


def test_a_registry_that_is_away(lab, registries):
    a, b = registries
    image = f'{a.name}/team/app:1.0'
    forget(lab, 'w1', image)
    a.stop()
    try:
        pull(lab, 'w1', image)  # w1 has nothing of it any more
        status, text = ask(lab, 'w1', a, 'team/other/manifests/1.0')
        assert status >= 500 and a.name in text, text
        assert 'FAILED' not in pull(lab, 'w1', f'{b.name}/team/app:1.0')
        # Another registry's user gets nothing of what is kept.
        digest = lab.inside('cp1', f'ls {CACHE} | grep blob$ | head -1').strip().removesuffix('.blob')
        kept = [ask(lab, 'cp1', registry, f'team/none/blobs/sha256:{digest}')[0] for registry in registries]
        assert 200 not in kept, kept
        # The mirror that starts anew has it all the same.
        lab.inside('cp1', 'systemctl restart sealift-mirror')
        forget(lab, 'w1', image)
        wait_for('the pull after a restart', 30, lambda: 'error' not in pull(lab, 'w1', image, check=False).lower())
    finally:
        a.start()
    time.sleep(6)  # a silent registry is left alone for a while
    wait_for('the registry is asked again', 30, lambda: ask(lab, 'w1', a, 'team/other/manifests/1.0')[0] == 200)


def test_a_wrong_password(cluster, lab, registries):
    a, _ = registries
    password = a.folder / 'password'
    password.write_text('wrong')
    pid = lab.inside('cp1', 'systemctl show -p MainPID --value sealift-mirror')
    cluster.deliver()
    try:
        status, text = wait_for('the new password is used', 30, lambda: (
            answer := ask(lab, 'w1', a, 'team/never/manifests/1.0')) and answer[0] >= 500 and answer)
        assert 'refuses the user robot-a for team/never' in text and 'cluster.yaml' in text, text
        assert 'refuses the user robot-a' in lab.inside('cp1', 'journalctl -q -o cat -u sealift-mirror')
    finally:
        password.write_text(A[1])
        cluster.deliver()
    wait_for('the right password is used', 30, lambda: ask(lab, 'w1', a, 'team/other/manifests/1.0')[0] == 200)
    assert lab.inside('cp1', 'systemctl show -p MainPID --value sealift-mirror') == pid  # without a restart


def test_the_cache_is_limited(lab, registries):
    """1 GiB is the least; large images make what was not used for longest go."""
    a, _ = registries
    first = a.push('team/large', '0', os.urandom(400 << 20))
    for i in (1, 2):
        a.push('team/large', str(i), os.urandom(400 << 20))
    layers = {}
    for i in range(3):
        pull(lab, 'cp1', f'{a.name}/team/large:{i}')
        layers[i] = {name for name in lab.inside('cp1', f'ls {CACHE}').split() if name.endswith('.blob')}
        forget(lab, 'cp1', f'{a.name}/team/large:{i}')
    used = int(lab.inside('cp1', f'du -sb {CACHE} | cut -f1'))
    assert used <= (1 << 30) + (1 << 20), used
    assert layers[0] - layers[2], 'nothing has gone'
    assert first.removeprefix('sha256:') + '.blob' in layers[0]
    pull(lab, 'w1', f'{a.name}/team/large:0')  # it is fetched again


def test_without_the_field_logins_and_images_go(cluster, lab, registries):
    kept = cluster.cluster['spec'].pop('registry')
    cluster.write()
    cluster.deliver()
    assert lab.inside('cp1', 'ls -d /etc/sealift/registries /var/lib/sealift/cache', check=False) == ''
    assert ask(lab, 'cp1', registries[0], 'team/app/manifests/1.0')[0] == 404
    cluster.cluster['spec']['registry'] = kept
    cluster.write()
    cluster.deliver()


def test_reset_leaves_nothing(cluster, lab, before, registries):
    pull(lab, 'cp1', f'{registries[0].name}/team/other:1.0')
    done = cluster.run('reset', '--yes', '--verify')
    assert done.code == 0, done.output
    assert left_behind(lab, before, 'cp1', 'w1') == []
