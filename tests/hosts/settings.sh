# SPDX-License-Identifier: Apache-2.0
# Sourced by the commands here: a lab's paths and settings, and a few shared helpers.
. "$(dirname "${BASH_SOURCE[0]}")/../../toolchain/environment.sh"

LAB=${SEALIFT_LAB:-main}                             # concurrent labs have different names and networks
LABS=${SEALIFT_LABS:-/var/tmp/sealift-labs}
DIR=$LABS/$LAB; HOSTS=$DIR/hosts
NET=${SEALIFT_LAB_NET:-10.77.0}                      # a /24; hosts get .11, .12 …; this machine is .1
PREFIX=sl${SEALIFT_LAB_PREFIX:-0}                    # of network namespaces, cables and cgroups
LAN=$PREFIX-lan
CGROUP=sealift-$PREFIX
DISK=${SEALIFT_LAB_DISK:-20G}                        # for newly created hosts; sparse
MEMORY=${SEALIFT_LAB_MEMORY:-}                       # per host, e.g. 4G
# ports of this machine that are open to hosts
ADMIN_PORTS=${SEALIFT_LAB_ADMIN_PORTS:-}
BASE=$SEALIFT_CACHE/hosts/$(hash_of tests/hosts/base)
KEY=$BASE/key
HERE=$SEALIFT_ROOT/tests/hosts
STORE=$DIR/store                                     # location of the disks; see disks.sh

hosts() { [ ! -d "$HOSTS" ] || ls "$HOSTS"; }
ip_of() { cat "$HOSTS/$1/ip"; }
known() { [ -d "$HOSTS/$1" ] || die "no such host: $1"; }
# Pid files also record the start time, so that a reused pid is never mistaken for ours. A zombie counts as gone.
start_time() { # PID
  local s; s=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  read -ra s <<<"${s##*) }"
  [ "${s[0]}" = Z ] || echo "${s[19]}"
}
alive() { # FILE
  local pid start
  [ -s "$1" ] && read -r pid start < "$1" || return 1
  [ -n "$start" ] && [ "$(start_time "$pid")" = "$start" ]
}
pid_of() { cut -d' ' -f1 "$1"; }
disk_of() { echo "$STORE/$1.img"; }
running() { alive "$HOSTS/$1/init.pid"; }
