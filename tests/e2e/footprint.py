# SPDX-License-Identifier: Apache-2.0
"""What a host has, found without Sealift: for comparing a host with what it was."""

# Logs, caches, and what systemd and the login keep for themselves.
VOLATILE = ('/var/log/journal', '/var/log/wtmp', '/var/log/lastlog', '/var/log/btmp', '/var/lib/systemd/random-seed', '/var/lib/systemd/linger', '/var/cache', '/var/tmp', '/etc/.updated', '/var/.updated')
# Counters, and what this machine's other programs move.
MOVING = ('kernel.random.', 'fs.', 'kernel.ns_last_pid', 'kernel.pty.nr', 'net.netfilter.nf_conntrack_count', 'vm.stat', 'kernel.perf', 'kernel.sched', 'kernel.threads', 'dev.')

LOOK = r'''
export LC_ALL=C
find /etc /opt /usr /var /root /home /srv /boot -xdev -printf 'path %p %y %m %U:%G %l\n'
find /etc /opt /usr /var /root /home /srv /boot -xdev -type f -size -64M -exec sha256sum {} + | sed 's/^/digest /'
ls -1 /run | sed 's/^/run /'
systemctl list-unit-files --no-legend --no-pager --plain | awk '{print "unit", $1, $2}'
systemctl list-units --no-legend --no-pager --plain --all --type=service,socket,timer,mount,slice --state=active,failed | awk '$1 !~ /^(user|session|run-|systemd-|getty|ssh@|modprobe)/ {print "active", $1, $3}'
awk '{print "module", $1}' /proc/modules 2>/dev/null
sysctl -a 2>/dev/null | sed 's/^/sysctl /'
awk '{print "mount", $2, $3}' /proc/self/mounts
ls -1 /sys/class/net | sed 's/^/link /'
ip route show table all | sed 's/^/route /; s/ *$//'
nft list ruleset | sed 's/^/rules /'
ls -1d /sys/fs/cgroup/kubepods* /sys/fs/cgroup/*/kubepods* 2>/dev/null | sed 's/^/cgroup /'
ps -eo comm= | sort -u | sed 's/^/process /'
'''
# Come and go with logins and with this look itself.
PASSING = {'process ' + name for name in ('sh', 'find', 'sed', 'ps', 'sort', 'awk', 'ls', 'sshd', 'sshd-session', 'systemd-logind', 'systemd-userwor', '(sd-pam)', 'sleep', 'xargs', 'mawk', 'sysctl', 'nft', 'ip', 'agetty', 'systemd-hostnam', 'systemd-timedat')}


def _is_steady(line):
    kind, _, rest = line.partition(' ')
    if kind == 'path':
        return not rest.startswith(VOLATILE)
    if kind == 'digest':
        return not rest.partition('  ')[2].startswith(VOLATILE)
    if kind == 'sysctl':
        return not rest.startswith(MOVING) and '.lo.' not in rest
    if kind == 'mount':
        return not rest.startswith(('/run/user', '/proc', '/sys/kernel', '/run/credentials'))
    if kind == 'run':
        return rest not in ('user', 'utmp', 'motd.dynamic', 'sealift')
    return line.strip() not in PASSING


def footprint(lab, name):
    """Sorted lines."""
    lines = lab.inside(name, LOOK, check=False).splitlines()
    assert any(line.startswith('digest ') for line in lines) and any(line.startswith('unit ') for line in lines), lines[:20]
    return sorted({line for line in lines if _is_steady(line)})


def difference(before, now):
    """What is more (+) and what is less (-)."""
    return [f'- {line}' for line in sorted(set(before) - set(now))] + [f'+ {line}' for line in sorted(set(now) - set(before))]


def differences(lab, before, but=()):
    """Of all hosts that `before` has, without lines that contain one of the words."""
    return [f'{name}: {line}' for name, was in before.items() for line in difference(was, footprint(lab, name)) if not any(word in line for word in but)]
