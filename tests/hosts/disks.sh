# SPDX-License-Identifier: Apache-2.0
# Sourced by hosts: the hosts' disks, and what a power cut leaves of them.
# The images are on the lab's own XFS, which can snapshot a file instantly by sharing its blocks. A host writes to its
# image without a cache in between, so such a copy holds what the "disk" has received, and nothing that was still in the
# host's memory. When a host is killed, its kernel (ours) writes all of that out: restoring the copy undoes it.
STORE_SIZE=400G      # sparse, and freed as files go: only this machine's free space counts
store_up() {
  ! mountpoint -q "$STORE" || return 0
  mkdir -p "$STORE"
  # a small journal, since all of it is written once
  [ -e "$STORE.img" ] || { truncate -s "$STORE_SIZE" "$STORE.new"; mkfs.xfs -q -m reflink=1 -l size=64m "$STORE.new"; mv "$STORE.new" "$STORE.img"; }
  local device; device=$(losetup -f --show --direct-io=on "$STORE.img")
  mount -t xfs -o discard,noatime "$device" "$STORE" || { losetup -d "$device"; die "this machine can't mount the XFS of the test hosts' disks"; }
  losetup -d "$device"       # the kernel frees it on unmount
}
store_down() {
  local i
  ! mountpoint -q "$STORE" || umount "$STORE" || die "$STORE is in use"
  for ((i = 0; i < 100; i++)); do [ -n "$(losetup -j "$STORE.img" 2>/dev/null)" ] || return 0; sleep 0.05; done
  die "$STORE.img is in use"
}
disk_make() { # NAME
  local disk; disk=$(disk_of "$1")
  cp --sparse=always "$BASE/disk.img" "$disk"
  truncate -s "$DISK" "$disk"
  resize2fs "$disk" >/dev/null 2>&1
}
disk_remove() { rm -f "$STORE/$1".{img,cut}; }
disk_busy() { [ -n "$(losetup -j "$(disk_of "$1")" 2>/dev/null)" ]; }
disk_remember() { rm -f "$STORE/$1.cut"; cp --reflink=always "$(disk_of "$1")" "$STORE/$1.cut"; } # NAME: its disk as it is now
disk_forget_since() { [ ! -e "$STORE/$1.cut" ] || mv -f "$STORE/$1.cut" "$(disk_of "$1")"; }       # NAME: a host that is off
