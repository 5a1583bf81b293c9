// SPDX-License-Identifier: Apache-2.0
//
// systemctl, systemd-run and modprobe as small scripts over files in a folder, and files instead of sysctls and
// modules: systemd for LocalHost on a machine without it. Transient units are real processes.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "payload/base/text.h"
#include "runtime/host/local_host.h"
#include "tests/support/temporary_folder.h"

namespace sealift::tests {

class FakeSystemd {
 public:
  FakeSystemd() {
    for (const auto* part : {"units", "sys/net/ipv4", "modules"}) std::filesystem::create_directories(folder_ / part);
    script("systemctl", kSystemctl);
    script("systemd-run", kSystemdRun);
    script("modprobe", kModprobe);
  }

  host::MachinePaths paths() const {
    return {folder_ / "systemctl", folder_ / "systemd-run", folder_ / "modprobe",
            folder_ / "sys",       folder_ / "modules",     folder_ / "run/jobs"};
  }
  std::string file(const std::string& name) const { return folder_ / name; }
  std::string job(const std::string& unit) const { return folder_ / ("run/jobs/" + unit); }

  // Installs a unit; actions then change its state.
  void install(const std::string& unit, std::string_view active) const {
    set(unit, "load", "loaded");
    set(unit, "enabled", "disabled");
    set(unit, "active", active);
  }
  void set(const std::string& unit, const std::string& what, std::string_view value) const {
    std::ofstream(folder_ / ("units/" + unit + "." + what)) << value << "\n";
  }
  std::string get(const std::string& unit, const std::string& what) const {
    return text(folder_ / ("units/" + unit + "." + what));
  }
  // One line per call: the program and its arguments.
  std::vector<std::string> calls() const {
    std::vector<std::string> out;
    std::ifstream in(folder_ / "calls");
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }
  static std::string text(const std::string& path) {
    std::stringstream out;
    out << std::ifstream(path).rdbuf();
    return std::string(base::trim(out.str()));
  }

 private:
  void script(const std::string& name, std::string_view body) const {
    std::ofstream(folder_ / name) << "#!/bin/sh\ncd '" << folder_.path() << "'\necho \"" << name << " $*\" >>calls\n"
                                  << body;
    ::chmod((folder_ / name).c_str(), 0755);
  }

  static constexpr std::string_view kSystemctl = R"sh(
for last; do :; done
state() { cat "units/$last.$1" 2>/dev/null || echo "$2"; }
case "$1 $2" in
  'show --property=ActiveState') state active inactive;;
  show*) echo "LoadState=$(state load not-found)"; echo "UnitFileState=$(state enabled '')"; echo "ActiveState=$(state active inactive)"; echo "SubState=$(state sub dead)";;
  start* | restart*) [ -e "units/$last.load" ] || { echo "Unit $last not found." >&2; exit 5; }; echo active >"units/$last.active";;
  reload*) [ "$(state active inactive)" = active ] || { echo "$last is not active, cannot reload." >&2; exit 1; };;
  stop*) echo inactive >"units/$last.active"; [ ! -e "units/$last.pid" ] || kill -9 "-$(cat "units/$last.pid")";;
  enable*) echo enabled >"units/$last.enabled";;
  disable*) echo disabled >"units/$last.enabled";;
esac
)sh";
  static constexpr std::string_view kSystemdRun = R"sh(
while [ "$1" != -- ]; do case "$1" in --unit=*) unit="${1#--unit=}.service";; esac; shift; done
shift
echo active >"units/$unit.active"
setsid sh -c 'echo $$ >"units/$0.pid"; "$@"; echo inactive >"units/$0.active"' "$unit" "$@" </dev/null >/dev/null 2>&1 &
)sh";
  static constexpr std::string_view kModprobe = R"sh(
for last; do :; done
case "$last" in no_*) echo "modprobe: FATAL: Module $last not found" >&2; exit 1;; esac
mkdir -p "modules/$last"
)sh";

  TemporaryFolder folder_;
};

}  // namespace sealift::tests
