# SPDX-License-Identifier: Apache-2.0
"""Power cuts with data loss, in a delivery and at work, at a random moment; tests/e2e/power_cuts does many."""
import os
import random

import power
from lab import ARTIFACT, Site

LAB = 4
SEED = int(os.environ.get('SEALIFT_SEED', random.SystemRandom().randrange(1 << 32)))


def test_cut_while_delivering(lab, tmp_path):
    print(f'SEALIFT_SEED={SEED}')
    trial = power.while_delivering(lab, tmp_path, SEED, 45, ARTIFACT)
    assert not trial.fault, f'\n{trial.TITLE}\n{trial}'


def test_cut_at_work(lab, tmp_path):
    print(f'SEALIFT_SEED={SEED}')
    site = Site(lab, tmp_path, workers=('w1',))
    site.deliver()
    power.wait_until_whole(lab, power.SETTLE)
    trial = power.at_work(lab, site, SEED)
    assert not trial.fault, f'\n{trial.TITLE}\n{trial}'


def test_network_state_that_a_cut_left_empty(lab, tmp_path):
    """Damage that occasionally hits a few of these files, done to all of them at once."""
    site = Site(lab, tmp_path, workers=('w1',))
    site.deliver()
    power.wait_until_whole(lab, power.SETTLE)
    for name in power.HOSTS:
        lab.inside(name, 'set -e; cd /var/lib/cni/flannel; for file in *; do test -s $file; : > $file; done; sync')
    since = power.cut(lab, power.HOSTS, 0)
    power.wait_until_whole(lab, power.SETTLE, since)
    for name in power.HOSTS:
        assert 'removed /var/lib/cni/flannel/' in lab.inside(name, 'journalctl -b -u sealift-boot -o cat')
