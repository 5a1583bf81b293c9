# SPDX-License-Identifier: Apache-2.0
# Sourced by hosts: the switch, the cables, and settings shared by all hosts because they share the kernel.
# The switch is a bridge in its own namespace: it never meets this machine's firewall, and deleting the namespace deletes
# all of it. It is isolated; only the administrator's cable ends in the initial namespace.
lan_up() {
  ! ip netns list | grep -qw "^$LAN" || return 0
  ip netns add "$LAN"
  ip -n "$LAN" link set lo up
  ip -n "$LAN" link add br0 type bridge forward_delay 0
  ip netns exec "$LAN" sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.disable_ipv6=1
  ip netns exec "$LAN" sysctl -qw net.bridge.bridge-nf-call-iptables=0 2>/dev/null || true
  ip -n "$LAN" addr add "$NET.254/24" dev br0       # the hosts' default route: a router that drops everything
  ip -n "$LAN" link set br0 up
  ip link add "$PREFIX-adm" type veth peer name adm netns "$LAN"
  ip -n "$LAN" link set adm master br0 up
  sysctl -qw "net.ipv6.conf.$PREFIX-adm.disable_ipv6=1" 2>/dev/null || true
  ip addr add "$NET.1/24" dev "$PREFIX-adm"
  ip link set "$PREFIX-adm" up
  # hosts can't open connections to this machine's services
  ip netns exec "$LAN" nft -f - <<NFT
table bridge guard {
  chain out {
    type filter hook forward priority 0
    oifname "adm" meta l4proto udp drop
    ${ADMIN_PORTS:+oifname \"adm\" tcp dport { ${ADMIN_PORTS// /,} \} accept}
    oifname "adm" tcp flags & (syn|ack) == syn drop
  }
}
NFT
  tune
}
lan_down() {
  ip link del "$PREFIX-adm" 2>/dev/null || true
  ip netns del "$LAN" 2>/dev/null || true
  untune
}
host_net_up() { # NAME
  local name=$1 ip; ip=$(ip_of "$1")
  host_net_down "$name"
  ip netns add "$PREFIX-$name"
  ip -n "$PREFIX-$name" link set lo up
  ip -n "$PREFIX-$name" link add eth0 address "02:73:6c:00:00:$(printf %02x "${ip##*.}")" type veth peer name "p-$name" netns "$LAN"
  ip -n "$LAN" link set "p-$name" master br0
  [ -e "$HOSTS/$name/cut" ] || ip -n "$LAN" link set "p-$name" up
  ip -n "$PREFIX-$name" addr add "$ip/24" brd + dev eth0
  ip -n "$PREFIX-$name" link set eth0 up
  ip -n "$PREFIX-$name" route add default via "$NET.254"
}
host_net_down() { # the namespace may live on in the kernel for a while; the cable must not
  ip -n "$LAN" link del "p-$1" 2>/dev/null || true
  ip netns del "$PREFIX-$1" 2>/dev/null || true
}

# Several kubelets on one kernel need more inotify instances; kube-proxy can't write nf_conntrack_max in a namespace
# unless it already has the desired value. Settings that a kubelet or privileged pod may change are restored at the end.
KEPT_SYSCTLS="fs.inotify.max_user_instances fs.inotify.max_user_watches net.netfilter.nf_conntrack_max vm.overcommit_memory
  vm.panic_on_oom vm.max_map_count vm.swappiness kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys
  kernel.keys.root_maxbytes fs.file-max fs.nr_open"
tune() {
  local key value conntrack=$((32768 * $(nproc)))
  [ $conntrack -gt 131072 ] || conntrack=131072
  if [ ! -e "$DIR/sysctl" ]; then
    for key in $KEPT_SYSCTLS; do if value=$(sysctl -n "$key" 2>/dev/null); then echo "$key=$value"; fi; done > "$DIR/sysctl"
  fi
  for key in fs.inotify.max_user_instances=8192 fs.inotify.max_user_watches=1048576 net.netfilter.nf_conntrack_max=$conntrack; do
    sysctl -qw "$key" || true
  done
}
untune() {
  local setting
  [ -e "$DIR/sysctl" ] || return 0
  while read -r setting; do
    [ "$(sysctl -n "${setting%%=*}")" = "${setting#*=}" ] || sysctl -qw "$setting" || true
  done < "$DIR/sysctl"
  rm -f "$DIR/sysctl"
}
