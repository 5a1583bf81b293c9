# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts: paths, and how missing packages are installed.
set -euo pipefail
export LC_ALL=C
SEALIFT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SEALIFT_CACHE=${SEALIFT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sealift}
# what was compiled, for every clone on this machine
CCACHE_DIR=${CCACHE_DIR:-$SEALIFT_CACHE/ccache}
export SEALIFT_ROOT SEALIFT_CACHE CCACHE_DIR

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# hash_of FILE… : 16 hexadecimal digits over names (relative to the project) and contents
hash_of() { (cd "$SEALIFT_ROOT" && sha256sum "$@") | sha256sum | cut -c1-16; }

# need_packages GROUP… : installs the missing packages of these groups in toolchain/packages
need_packages() {
  local group line package missing=()
  for group in "$@"; do
    line=$(sed -n "s/^$group: *//p" "$SEALIFT_ROOT/toolchain/packages")
    for package in $line; do
      dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || die "these Debian packages are missing, install them as root: apt-get install ${missing[*]}"
  say "installing: ${missing[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null 2>&1 ||
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; }
}

# locked NAME COMMAND… : one process at a time on this machine
locked() {
  mkdir -p "$SEALIFT_CACHE/locks"
  local name=$1; shift
  ( flock 9; "$@" ) 9>"$SEALIFT_CACHE/locks/$name"
}
