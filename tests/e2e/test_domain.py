# SPDX-License-Identifier: Apache-2.0
"""Images for people: a registry of the site's network with a login, beside the mirror of the nodes. Real tools ask it."""
import base64
import json
import subprocess

import pytest

from lab import Site, mirror_get, places_of, wait_for

LAB = 38
NAME, PORT = 'registry.plant7.lan', 5443
PASSWORDS = {'reader': 'reader-canary-4711', 'other': 'other-canary-0815'}


@pytest.fixture(scope='module')
def cluster(lab, tmp_path_factory):
    lab.up('cp1', 'w1')
    site = Site(lab, tmp_path_factory.mktemp('site'), workers=('w1',))
    set_domain(site, ['reader'])
    site.deliver()
    return site


def set_domain(site, users, **more):
    for user in users:
        secret = site.folder / f'password-{user}'
        secret.write_text(PASSWORDS[user] + '\n')
        secret.chmod(0o600)
    site.cluster['spec']['registry'] = {'domain': {
        'name': NAME, 'port': PORT, 'credentials': [{'user': user, 'password': {'file': f'password-{user}'}} for user in users], **more}}
    site.write()


def curl(site, path, *options, user='reader', password=None, authority='ca.crt'):
    """Status, headers and body of what the door says to a tool in the site's network that believes this authority."""
    login = ['-u', f'{user}:{password or PASSWORDS[user]}'] if user else []
    answer = site.lab.switch('curl', '-sS', '-i', '--max-time', '60', '--cacert', str(site.folder / authority), '--resolve', f'{NAME}:{PORT}:{site.lab.ip("cp1")}',
                             *login, *options, f'https://{NAME}:{PORT}{path}')
    head, _, body = answer.replace('\r\n', '\n').partition('\n\n')
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(':') for line in head.splitlines()[1:])}
    return int(head.split()[1]), headers, body


def save_authority(site):
    done = subprocess.run([str(site.artifact), 'registry', 'ca', '--config', str(site.config), '--state', str(site.state)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.startswith('-----BEGIN CERTIFICATE-----'), done
    assert f'/etc/docker/certs.d/{NAME}:{PORT}' in done.stderr, done.stderr
    (site.folder / 'ca.crt').write_text(done.stdout)


def an_image(site):
    """One of the artifact: registry/repository, tag and digest."""
    repositories = json.loads(curl(site, '/v2/_catalog')[2])['repositories']
    name = next(name for name in repositories if 'pause' in name)
    tag = json.loads(curl(site, f'/v2/{name}/tags/list')[2])['tags'][0]
    status, head, _ = curl(site, f'/v2/{name}/manifests/{tag}', '--head')
    assert status == 200, head
    return name, tag, head['docker-content-digest']


def test_the_authority_is_printed_and_believed(cluster):
    save_authority(cluster)
    status, head, _ = curl(cluster, '/v2/')
    assert status == 200 and head['docker-distribution-api-version'] == 'registry/2.0', head


def test_without_a_right_login_nothing_is_told(cluster):
    for user, password in (('', ''), ('reader', 'wrong'), ('nobody', 'reader-canary-4711')):
        for path in ('/v2/', '/v2/_catalog', '/v2/registry.k8s.io/pause/tags/list'):
            status, head, body = curl(cluster, path, user=user, password=password)
            assert status == 401 and head['www-authenticate'].startswith('Basic realm=') and 'UNAUTHORIZED' in body and 'pause' not in body, (path, head, body)


def test_lists_and_every_page_of_them(cluster):
    whole = json.loads(curl(cluster, '/v2/_catalog')[2])['repositories']
    assert whole == sorted(whole) and any(name.startswith('registry.k8s.io/') for name in whole) and len(whole) > 5
    pages, path = [], '/v2/_catalog?n=3'
    while path:
        _, head, body = curl(cluster, path)
        pages += json.loads(body)['repositories']
        path = head['link'].split('<')[1].split('>')[0] if 'link' in head else ''
    assert pages == whole


def test_tools_get_the_same_bytes_and_can_write_nothing(cluster, tmp_path):
    """skopeo, as people use it: with a login, the authority for this registry alone, and the name from the site's DNS."""
    name, tag, digest = an_image(cluster)
    certs = tmp_path / 'certs'
    certs.mkdir()
    (certs / 'ca.crt').write_text((cluster.folder / 'ca.crt').read_text())
    # the name is a host of the lab only while this lasts
    hosts = tmp_path / 'hosts'
    hosts.write_text(f'127.0.0.1 localhost\n{cluster.lab.ip("cp1")} {NAME}\n')

    def skopeo(*arguments):
        quoted = ' '.join(f"'{argument}'" for argument in arguments)
        script = f'mount --bind {hosts} /etc/hosts && exec skopeo {quoted}'
        prefix = cluster.lab.env['SEALIFT_LAB_PREFIX']
        return subprocess.run(['ip', 'netns', 'exec', f'sl{prefix}-lan', 'unshare', '-m', 'sh', '-c', script], capture_output=True, text=True, timeout=120)

    login = f'reader:{PASSWORDS["reader"]}'
    source = f'docker://{NAME}:{PORT}/{name}:{tag}'
    copied = skopeo('copy', '--all', '--preserve-digests', '--src-cert-dir', str(certs), '--src-creds', login, source, f'oci:{tmp_path}/layout:copy')
    assert copied.returncode == 0, copied.stderr
    assert json.loads((tmp_path / 'layout/index.json').read_text())['manifests'][0]['digest'] == digest
    assert tag in json.loads(skopeo('list-tags', '--cert-dir', str(certs), '--creds', login, f'docker://{NAME}:{PORT}/{name}').stdout)['Tags']
    stranger = skopeo('inspect', '--cert-dir', str(certs), '--creds', 'reader:wrong', source)
    assert stranger.returncode != 0 and 'uthor' in stranger.stderr, stranger.stderr
    unbelieved = skopeo('inspect', '--creds', login, source)
    assert unbelieved.returncode != 0 and 'certificate' in unbelieved.stderr, unbelieved.stderr
    pushed = skopeo('copy', '--dest-cert-dir', str(certs), '--dest-creds', login, f'oci:{tmp_path}/layout:copy', f'docker://{NAME}:{PORT}/{name}:new')
    assert pushed.returncode != 0 and '405' in pushed.stderr, pushed.stderr
    assert curl(cluster, f'/v2/{name}/manifests/new')[0] == 404


def test_nodes_need_no_login(cluster, lab):
    name, tag, _ = an_image(cluster)
    registry, _, repository = name.partition('/')
    for host in ('cp1', 'w1'):
        assert mirror_get(lab, host, f'/v2/{repository}/manifests/{tag}?ns={registry}')[0] == 200
    assert lab.inside('w1', f'ss -Hltn sport = :{PORT}') == ''


def test_a_second_run_changes_nothing(cluster, lab):
    users = lab.inside('cp1', 'cat /etc/sealift/pki/people/users')
    assert 'nothing to do' in cluster.deliver().output
    assert lab.inside('cp1', 'cat /etc/sealift/pki/people/users') == users
    assert lab.inside('cp1', 'stat -c "%a %U" /etc/sealift/pki/people/users').strip() == '600 root'


def test_passwords_lie_nowhere(cluster, lab):
    for host in ('cp1', 'w1'):
        assert places_of(lab, host, [*PASSWORDS.values(), base64.b64encode(f'reader:{PASSWORDS["reader"]}'.encode()).decode()]) == []


def test_other_users_by_another_apply_without_a_restart(cluster, lab):
    process = lab.inside('cp1', 'systemctl show -p MainPID --value sealift-mirror')
    set_domain(cluster, ['other'])
    done = cluster.deliver()
    assert PASSWORDS['other'] not in done.output
    wait_for('the other user gets in', 30, lambda: curl(cluster, '/v2/', user='other')[0] == 200)
    assert curl(cluster, '/v2/')[0] == 401
    assert lab.inside('cp1', 'systemctl show -p MainPID --value sealift-mirror') == process
    assert 'nothing to do' in cluster.deliver().output


def test_guessing_is_slow(cluster):
    """How many are let through depends on the wrong ones of the cases before (exactly: logins_test)."""
    seen = []
    while seen[-1:] != [429] and len(seen) < 60:
        seen.append(curl(cluster, '/v2/', user='other', password=f'guess{len(seen)}')[0])
    assert set(seen[:-1]) <= {401} and seen[-1] == 429, seen
    wait_for('the right password gets in again', 20, lambda: curl(cluster, '/v2/', user='other')[0] == 200)


def test_a_certificate_of_the_site(cluster, lab):
    folder = cluster.folder
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '90', '-subj', '/CN=site', '-addext', f'subjectAltName=DNS:{NAME}',
                    '-keyout', str(folder / 'site.key'), '-out', str(folder / 'site.crt')], check=True, capture_output=True)
    (folder / 'site.key').chmod(0o600)
    set_domain(cluster, ['reader'], certFile='site.crt', keyFile='site.key')
    cluster.deliver()
    assert wait_for('the site\'s certificate is shown', 30, lambda: curl(cluster, '/v2/', authority='site.crt')[0] == 200)
    with pytest.raises(AssertionError, match='certificate'):
        curl(cluster, '/v2/', authority='ca.crt')
    assert lab.inside('cp1', 'ls /etc/sealift/pki/node').split() == ['ca.crt', 'client.pem', 'server.pem']
    assert lab.inside('cp1', 'stat -c %a /etc/sealift/pki/people/site.pem').strip() == '600'
    assert lab.inside('w1', 'ls /etc/sealift/pki/people', check=False) == ''
    refused = cluster.run('registry', 'ca')
    assert refused.code == 3 and "the site's own certificate" in refused.output, refused.output
    assert 'nothing to do' in cluster.deliver().output


def test_check_asks_at_the_door(cluster, lab):
    assert cluster.run('check').code == 0
    lab.inside('cp1', 'echo broken > /etc/sealift/pki/people/site.pem; systemctl restart sealift-mirror')
    broken = cluster.run('check')
    assert broken.code == 15 and 'mirror.people' in broken.output, broken.output
    assert 'mirror.answers' not in broken.output  # nodes go on
    cluster.deliver()
    wait_for('the door is open again', 30, lambda: curl(cluster, '/v2/', authority='site.crt')[0] == 200)
    assert cluster.run('check').code == 0


def test_without_the_domain_all_of_it_goes(cluster, lab):
    del cluster.cluster['spec']['registry']
    cluster.write()
    cluster.deliver()
    assert lab.inside('cp1', f'ss -Hltn sport = :{PORT}') == ''
    assert lab.inside('cp1', 'ls /etc/sealift/pki').split() == ['ca.crt', 'ca.key', 'node']
    assert 'people' not in lab.inside('cp1', 'cat /etc/sealift/mirror.json')
    assert 'nothing to do' in cluster.deliver().output
    assert lab.kubectl('cp1', 'get nodes').count(' Ready ') == 2
