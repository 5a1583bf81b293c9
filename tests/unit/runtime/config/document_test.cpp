// SPDX-License-Identifier: Apache-2.0
// CLUSTER.md matches the reader: the tables list exactly the known fields, and the examples have no problems.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cctype>
#include <filesystem>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/config/fields.h"
#include "runtime/config/parse.h"
#include "tests/support/source_tree.h"

using namespace sealift;
using namespace sealift::config;

namespace {

std::string document() {
  auto text = base::read_text_file(tests::source_path("runtime/CLUSTER.md"), 1 << 20);
  REQUIRE(text);
  return *text;
}

std::vector<std::string> spelled(const std::vector<KnownField>& fields) {
  std::vector<std::string> out;
  for (const auto& field : fields)
    out.push_back(base::format("{}: {}{}", field.section, field.path, field.supported ? "" : " (later)"));
  std::ranges::sort(out);
  return out;
}

}  // namespace

TEST_CASE("the tables of CLUSTER.md hold exactly the fields that the reader knows") {
  std::vector<KnownField> written;
  const std::string text = document();
  std::string section;
  for (const auto line : base::split(text, '\n')) {
    if (line.starts_with("## ")) section = line.substr(3);
    if (!line.starts_with("| `") || section.starts_with("kubeadm")) continue;
    const auto end = line.find('`', 3);
    written.push_back({section, std::string(line.substr(3, end - 3)), !line.contains("| **later** |")});
  }
  CHECK(spelled(written) == spelled(known_fields()));
}

TEST_CASE("the examples of CLUSTER.md have no problems") {
  const std::string text = document();
  std::string examples;
  for (size_t at = text.find("```yaml\n"); at != std::string::npos; at = text.find("```yaml\n", at + 1)) {
    const size_t begin = at + 8;
    examples += (examples.empty() ? "" : "---\n") + text.substr(begin, text.find("```", begin) - begin);
  }
  const FileReader read = [](const std::string& path, size_t) -> Result<std::string> {
    return std::string(path.ends_with(".sh") ? "#!/bin/sh\n" : "a: 1\n");
  };
  const auto parsed = parse_cluster_config(examples, "CLUSTER.md", {{"HOME", "/root"}}, read);
  REQUIRE(parsed);
  INFO(to_error(parsed->problems).what);
  CHECK(parsed->problems.empty());
  CHECK(parsed->config.hosts.size() == 21);
  CHECK(parsed->config.applications.size() == 1);
}

TEST_CASE("the defaults in CLUSTER.md are those of the code") {
  const std::string text = document();
  const ClusterConfig config;
  const HostConfig host;
  const auto says = [&](std::string_view field, std::string_view value) {
    INFO(field);
    CHECK(text.contains(base::format("| `{}` | `{}` |", field, value)));
  };
  says("spec.ssh.user", host.ssh.user);
  says("spec.ssh.port", std::to_string(host.ssh.port));
  says("spec.hosts[].dataRoot", host.data_root);
  says("spec.network.pods", config.network.pods);
  says("spec.network.services", config.network.services);
  says("spec.api.port", std::to_string(config.api.port));
  says("spec.api.localPort", std::to_string(config.api.local_port));
  says("spec.registry.port", std::to_string(config.registry.port));
}

TEST_CASE("the example site of the shop, but for what is left for later") {
  const auto parsed = load_cluster_config(tests::source_path("packer/examples/shop/cluster.yaml"), {{"HOME", "/root"}});
  REQUIRE(parsed);
  INFO(to_error(parsed->problems).what);
  CHECK(std::ranges::none_of(parsed->problems,
                             [](const Problem& problem) { return problem.code != ErrorCode::unsupported; }));
}

TEST_CASE("the cluster.yaml of every example has no problems, and neither has what its comments offer") {
  size_t count = 0;
  for (const auto& example : std::filesystem::directory_iterator(tests::source_path("packer/examples"))) {
    const std::string path = example.path() / "cluster.yaml";
    if (!std::filesystem::exists(path)) continue;
    const auto text = base::read_text_file(path, 1 << 20);
    REQUIRE(text);
    const FileReader read = [](const std::string&, size_t) -> Result<std::string> { return std::string("a: 1\n"); };
    const auto problems = [&](const std::string& document) {
      const auto parsed = parse_cluster_config(document, path, {{"HOME", "/root"}}, read);
      return parsed ? (parsed->problems.empty() ? std::string() : to_error(parsed->problems).what)
                    : parsed.error().text();
    };
    CHECK(problems(*text).empty());
    // A comment that begins with a field's name, "# apps: […]", offers that field.
    const auto lines = base::split(*text, '\n');
    for (const auto line : lines) {
      const auto offer = base::trim(line);
      const auto colon = offer.find(": ");
      if (!offer.starts_with("# ") || colon == std::string_view::npos) continue;
      const auto field = offer.substr(2, colon - 2);
      const bool is_name = !std::isupper(static_cast<unsigned char>(field.front())) &&
                           std::ranges::all_of(field, [](unsigned char c) { return std::isalpha(c) != 0; });
      if (!is_name) continue;
      INFO(offer);
      const bool known = std::ranges::any_of(known_fields(), [&](const KnownField& one) {
        return one.supported && (one.path.ends_with("." + std::string(field)) || one.path == field);
      });
      CHECK(known);
    }
    ++count;
  }
  CHECK(count > 0);
}
