# SPDX-License-Identifier: Apache-2.0
"""Certificates of the node services on test hosts: looked at, and made old, with openssl on this machine."""
import dataclasses
import datetime
import os
import pathlib
import re
import subprocess

from lab import wait_for

USAGES = {'server': 'serverAuth', 'client': 'clientAuth'}
PKI = 'etc/sealift/pki'
# What an authority of openssl's needs; the certificate has what Sealift's have (payload/trust/x509.cpp).
ISSUER = '''
[ca]
default_ca = here
[here]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = names
x509_extensions = wanted
certificate = {pki}/ca.crt
private_key = {pki}/ca.key
[names]
commonName = supplied
[wanted]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = {usage}
{addresses}
'''


@dataclasses.dataclass(frozen=True)
class Certificate:
    name: str
    addresses: str
    ends: datetime.datetime
    key: str           # its public half
    fingerprint: str


def openssl(*words, text='', prefix=()):
    done = subprocess.run([*prefix, 'openssl', *map(str, words)], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 or prefix, f'openssl {words}: {done.stderr}'
    return done.stdout


def described(text):
    """The certificate in a text."""
    shown = openssl('x509', '-noout', '-subject', '-enddate', '-fingerprint', '-sha256', '-pubkey', '-ext', 'subjectAltName', text=text)
    ends = datetime.datetime.strptime(re.search(r'notAfter=(.*)', shown)[1], '%b %d %H:%M:%S %Y %Z').replace(tzinfo=datetime.timezone.utc)
    addresses = re.search(r'IP Address:.*', shown)
    return Certificate(re.search(r'CN = (\S+)', shown)[1], addresses[0] if addresses else '', ends, re.search(r'BEGIN PUBLIC KEY-+\n([^-]*)', shown)[1],
                       re.search(r'Fingerprint=(.*)', shown)[1])


def pki_of(lab, name):
    return pathlib.Path(f'/proc/{lab.pid(name)}/root/{PKI}')


def pair(lab, name, usage):
    """As it lies on the host."""
    return described((pki_of(lab, name) / f'node/{usage}.pem').read_text())


def served(lab, name, address='127.0.0.1'):
    """What the mirror shows to who asks now."""
    return described(openssl('s_client', '-connect', f'{address}:5000', prefix=('nsenter', '-t', str(lab.pid(name)), '-n')))


def old_certificate(folder, pki, key, name, usage, days_left, addresses=''):
    """For a key, by the authority in a folder `pki`: one that began a year ago."""
    now = datetime.datetime.now(datetime.timezone.utc)
    (folder / 'index').write_text('')
    (folder / 'issuer').write_text(ISSUER.format(folder=folder, pki=pki, usage=USAGES[usage], addresses=addresses))
    (folder / 'request').write_text(openssl('req', '-new', '-key', key, '-subj', f'/CN={name}'))
    return openssl('ca', '-config', folder / 'issuer', '-batch', '-notext', '-in', folder / 'request',
                   '-startdate', f'{now - datetime.timedelta(365 - days_left):%Y%m%d%H%M%SZ}', '-enddate', f'{now + datetime.timedelta(days_left):%Y%m%d%H%M%SZ}')


def make_old(lab, name, usage, folder, days_left, authority='cp1'):
    """Puts a certificate in place of the present one: of the same authority, key and names, that began a year ago."""
    path = pki_of(lab, name) / f'node/{usage}.pem'
    key = path.read_text().partition('-----BEGIN CERTIFICATE-----')[0]
    addresses = f'subjectAltName = IP:{lab.ip(name)}, IP:127.0.0.1' if usage == 'server' else ''
    certificate = old_certificate(folder, pki_of(lab, authority), path, name, usage, days_left, addresses)
    # as a program of the host would: all of it at once
    new = path.with_suffix('.old')
    new.touch(0o600)
    new.write_text(key + certificate)
    os.rename(new, path)


def wait_until_served(lab, name, wanted, seconds, address='127.0.0.1'):
    wait_for(f'{name} shows the certificate at {address}', seconds, lambda: served(lab, name, address) == wanted)
