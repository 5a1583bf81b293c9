// SPDX-License-Identifier: Apache-2.0
//
// Requirements on every systemd unit that Sealift installs on hosts: those of the bases in this tree, and those made in
// code.
#include <filesystem>

#include "payload/base/text.h"
#include "runtime/steps/node_service.h"
#include "tests/support/source_tree.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;

namespace {

std::map<std::string, std::string> shipped_units() {
  std::map<std::string, std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(tests::source_path("packer"))) {
    const std::string path = entry.path().string();
    if (!path.contains(".service")) continue;
    const auto text = base::read_text_file(path, 1 << 20);
    REQUIRE(text);
    out[entry.path().filename().string()] = *text;
  }
  tests::Site site;
  const std::string program = "the program itself";
  site.add_file("program", program);
  site.contents.stubs.push_back({Architecture::amd64, site.contents.tree.at("program").object});
  for (const auto* node : {&site.control_plane_node(), &site.worker_node()}) {
    auto files = steps::node_service_files(site.model(), *node), balancer = steps::balancer_files(site.model(), *node);
    REQUIRE((files && balancer));
    std::ranges::move(*balancer, std::back_inserter(*files));
    for (const auto& file : *files) {
      if (file.path.starts_with("/etc/systemd/system/") && file.path.ends_with(".service"))
        out[file.path.substr(20)] = file.text;
    }
  }
  return out;
}

// The values of a setting in the section [Service], in order.
std::vector<std::string> settings(std::string_view unit, std::string_view name) {
  std::vector<std::string> out;
  std::string_view section;
  for (const auto line : base::split(unit, '\n')) {
    if (line.starts_with('[')) section = line;
    if (section == "[Service]" && line.starts_with(std::string(name) + "="))
      out.emplace_back(line.substr(name.size() + 1));
  }
  return out;
}

}  // namespace

TEST_CASE("every unit is there to be looked at") {
  std::vector<std::string> names;
  for (const auto& [name, text] : shipped_units()) names.push_back(name);
  CHECK(names == std::vector<std::string>{"containerd.service", "kubelet.service", "sealift-api.service",
                                          "sealift-authority.service", "sealift-boot.service", "sealift-mirror.service",
                                          "sealift-renew.service"});
}

TEST_CASE("no service takes a proxy from systemd's DefaultEnvironment") {
  for (const auto& [name, text] : shipped_units()) {
    INFO(name);
    const auto unset = settings(text, "UnsetEnvironment");
    REQUIRE(unset.size() == 1);
    auto variables = base::split_words(unset[0]);
    std::ranges::sort(variables);
    CHECK(variables == std::vector<std::string_view>{"ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "all_proxy",
                                                     "http_proxy", "https_proxy", "no_proxy"});
    CHECK(settings(text, "PassEnvironment").empty());
  }
}

TEST_CASE("every service comes back after it ended, and after the host starts again") {
  for (const auto& [name, text] : shipped_units()) {
    INFO(name);
    CHECK(settings(text, "ExecStart").size() == 1);
    // A socket or a timer starts these, as often as they are wanted.
    if (name == "sealift-authority.service" || name == "sealift-renew.service") {
      CHECK_FALSE(text.contains("[Install]"));
      CHECK(settings(text, "RemainAfterExit").empty());
      continue;
    }
    // A unit that works once per boot is done once it has ended.
    if (settings(text, "Type") == std::vector<std::string>{"oneshot"})
      CHECK(settings(text, "RemainAfterExit") == std::vector<std::string>{"yes"});
    else
      CHECK(settings(text, "Restart") == std::vector<std::string>{"always"});
    CHECK(text.contains("\n[Install]\nWantedBy=multi-user.target\n"));
  }
}
