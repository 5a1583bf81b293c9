# SPDX-License-Identifier: Apache-2.0
"""The walk from one control plane to three, to five, back to three and to one, on real hosts with one worker, while a client
on every node asks the API through that node's balancer all the time: no request may fail. On the way back those go that were
there first."""
import time

import pytest

from footprint import footprint
from lab import Site
from living import Client, kubelets, left_behind, members_of, nodes_of

LAB = 13
PLANES, WORKER = ('cp1', 'cp2', 'cp3', 'cp4', 'cp5'), 'w1'


class Walk:
    """The cluster, and a client on each of its nodes."""

    def __init__(self, lab, site):
        self.lab, self.site, self.clients = lab, site, {}
        self.hosts = {host['name']: host for host in site.cluster['spec']['hosts']}
        self.before = {name: footprint(lab, name) for name in self.hosts}

    def write(self, planes):
        self.planes = planes
        self.site.cluster['spec']['hosts'] = [self.hosts[name] for name in (*planes, WORKER)]
        self.site.write()

    def run(self, *arguments):
        begin = time.monotonic()
        output = self.site.deliver(*arguments).output
        print(f'{" ".join(arguments) or "apply"}: {time.monotonic() - begin:.0f} s', flush=True)
        return output

    def ask(self, *names):
        self.clients |= {name: Client(self.lab, name, at_least=5) for name in names}

    def check_clients(self, *gone):
        """Each but those that are gone is replaced first, so that no moment is without one."""
        old = self.clients
        self.clients = {}
        self.ask(*[name for name in old if name not in gone])
        failures = {name: found for name, client in old.items() if (found := client.failures())}
        print(f'{sum(client.asked for client in old.values())} requests on {", ".join(old)}; failed: {failures or "none"}', flush=True)
        for name in failures:
            print(self.lab.inside(name, 'journalctl -q --no-pager -o short-precise -n 40 -u sealift-api.service -u sealift-api.socket'), flush=True)
        assert failures == {}

    def check(self):
        """All of them are there and have a vote, and there is nothing to do."""
        asked = self.planes[0]
        assert nodes_of(self.lab, asked) == ({*self.planes, WORKER}, set(self.planes))
        assert members_of(self.lab, asked) == dict.fromkeys(self.planes, False)
        assert 'nothing to do' in self.run()
        self.check_clients()

    def grow_to(self, *planes):
        standing = kubelets(self.lab, (*self.planes, WORKER))
        new = [name for name in planes if name not in self.planes]
        self.write(planes)
        self.run()
        self.ask(*new)
        self.check()
        assert kubelets(self.lab, standing) == standing, 'a kubelet was restarted'

    def shrink_to(self, *planes):
        """The clients on those that go end before."""
        standing = kubelets(self.lab, (*planes, WORKER))
        gone = [name for name in self.planes if name not in planes]
        self.check_clients(*gone)
        self.run('remove', *gone, '--yes', '--force')
        assert members_of(self.lab, planes[0]) == dict.fromkeys(planes, False)
        assert left_behind(self.lab, self.before, *gone) == []
        self.write(planes)
        self.run()    # where one left that kept the payload, another one gets it
        self.check()
        assert kubelets(self.lab, standing) == standing, 'a kubelet was restarted'


@pytest.fixture(scope='module')
def walk(lab, tmp_path_factory, artifact):
    lab.up(*PLANES, WORKER)
    site = Site(lab, tmp_path_factory.mktemp('site'), workers=(WORKER,), control_planes=PLANES)
    assert site.run('plan').code == 0    # a login makes what a login makes
    walk = Walk(lab, site)
    yield walk
    for client in walk.clients.values():
        client.close()


def test_one(walk):
    walk.write(('cp1',))
    walk.run()
    walk.ask('cp1', WORKER)
    walk.check()


def test_three(walk):
    walk.grow_to('cp1', 'cp2', 'cp3')


def test_five(walk):
    walk.grow_to(*PLANES)


def test_back_to_three(walk):
    """The one that made the cluster goes too."""
    walk.shrink_to('cp2', 'cp4', 'cp5')


def test_back_to_one(walk):
    walk.shrink_to('cp5')
