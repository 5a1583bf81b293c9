# SPDX-License-Identifier: Apache-2.0
# Sourced by hosts: a cgroup for each host in every hierarchy mounted on this machine, and a cgroup namespace with that
# cgroup as its root. The namespace is required: with full rights in the initial one, systemd would mount the remaining
# free controllers for the whole machine.
cgroup_mounts() { # "TYPE MOUNTPOINT OPTIONS" a line
  awk '{ for (i = 7; $i != "-"; i++); t = $(i+1); if (t == "cgroup" || t == "cgroup2") print t, $5, $(i+3) }' /proc/self/mountinfo | sort -u -k2,2
}
cgroup_folders() { cgroup_mounts | while read -r _ point _; do echo "$point/$CGROUP/$1"; done; }
cgroup_make() { # NAME
  local type point options folder controller
  while read -r type point options; do
    for folder in "$point/$CGROUP" "$point/$CGROUP/$1"; do
      mkdir -p "$folder"
      # a new v1 cpuset has no cpus and no memory nodes: nothing could enter it
      if [ -e "$folder/cpuset.cpus" ] && [ "$type" = cgroup ]; then
        cat "$point/cpuset.cpus" > "$folder/cpuset.cpus"
        cat "$point/cpuset.mems" > "$folder/cpuset.mems"
      fi
    done
    if [ "$point" = /sys/fs/cgroup ]; then     # version 2 only: hand the controllers down
      for controller in $(cat "$point/cgroup.controllers"); do
        echo "+$controller" > "$point/cgroup.subtree_control" 2>/dev/null || true
        echo "+$controller" > "$point/$CGROUP/cgroup.subtree_control" 2>/dev/null || true
      done
    fi
    [ -z "$MEMORY" ] || for controller in memory.limit_in_bytes memory.max; do
      [ ! -e "$point/$CGROUP/$1/$controller" ] || echo "$MEMORY" > "$point/$CGROUP/$1/$controller"
    done
  done < <(cgroup_mounts)
}
cgroup_enter() { local folder; for folder in $(cgroup_folders "$1"); do echo 0 > "$folder/cgroup.procs"; done; }
# A process frozen by a container runtime (cgroup v1) does not die until it is thawed; a real power cut has no such
# exception.
cgroup_thaw() { # NAME
  local folder
  for folder in $(cgroup_folders "$1"); do
    [ ! -d "$folder" ] || find "$folder" -mindepth 2 -name freezer.state -exec sh -c 'echo THAWED > "$1"' - {} ';' 2>/dev/null || true
  done
}
cgroup_remove() { # NAME: rmdir is refused for a moment after the last exit
  local folder i
  for folder in $(cgroup_folders "$1"); do
    for ((i = 0; i < 100; i++)); do
      [ -d "$folder" ] || break
      find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.05
    done
    [ ! -d "$folder" ] || say "cgroup left behind: $folder"
    rmdir "$(dirname "$folder")" 2>/dev/null || true
  done
}
