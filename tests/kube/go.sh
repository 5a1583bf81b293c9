# SPDX-License-Identifier: Apache-2.0
# Sourced by the recipes that build Go programs: find_go, go_build.
GO_WANTED=1.26.8         # what is fetched through the module proxy where the machine's Go can't build these modules
GO_LINK="-s -w"
export CGO_ENABLED=0 GOWORK=off GOFLAGS="${GOFLAGS:-} -mod=readonly -buildvcs=false -trimpath"
export GOTOOLCHAIN=${GOTOOLCHAIN:-auto}

# Any Go from 1.21 on fetches a newer one by itself. An older one (Debian 12 has 1.19) can fetch the same module, but
# leaves its programs without the bit that lets them run.
find_go() {
  command -v go >/dev/null || { [ -x /usr/local/go/bin/go ] && PATH=$PATH:/usr/local/go/bin; } || {
    [ "$(id -u)" = 0 ] || die "there is no Go; install golang-go, or Go 1.25 or later"
    say "installing: golang-go"
    { apt-get install -y -qq --no-install-recommends golang-go || { apt-get update -qq && apt-get install -y -qq --no-install-recommends golang-go; }; } >/dev/null 2>&1 ||
      die "there is no Go, and apt-get install golang-go failed"
  }
  local minor
  minor=$(cd / && GOTOOLCHAIN=local go env GOVERSION | sed -E 's/^go1\.([0-9]+).*/\1/')
  [ "$minor" -lt 21 ] || return 0
  local root=$SEALIFT_CACHE/kube/go-$GO_WANTED
  if [ ! -x "$root/bin/go" ]; then
    say "fetching Go $GO_WANTED through the module proxy"
    local module="golang.org/toolchain@v0.0.1-go$GO_WANTED.linux-$(dpkg --print-architecture)" unpacked
    unpacked=$(cd / && GOFLAGS='' go mod download -json "$module" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
    [ -d "$unpacked" ] || die "the machine's Go is too old (1.$minor), and the module proxy gave no $module"
    rm -rf "$root.tmp"; mkdir -p "${root%/*}"; cp -r "$unpacked" "$root.tmp"
    chmod -R u+w "$root.tmp"; find "$root.tmp/bin" "$root.tmp/pkg/tool" -type f -exec chmod 0755 {} +
    mv -T "$root.tmp" "$root"
  fi
  PATH=$root/bin:$PATH
}
go_build() { go build -ldflags "$GO_LINK" "$@"; }
find_go
