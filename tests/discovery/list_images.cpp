// SPDX-License-Identifier: Apache-2.0
// For developers: what the discovery finds in rendered YAML, one line for each image, to be compared with a list made
// by hand (packer/DISCOVERY.md).
//
//   list_images [--rules FOLDER] [--without-tests] FILE…
//
// "IMAGE<TAB>found by<TAB>object<TAB>path"; lines with # tell what is unresolved, omitted, or no YAML.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <print>
#include <string>
#include <vector>

#include "payload/base/file.h"
#include "payload/workloads/find_images.h"
#include "payload/yaml/node.h"

namespace {

using namespace sealift;

constexpr yaml::Limits kLimits{.bytes = size_t{64} << 20, .depth = 256, .nodes = 2'000'000};

Result<workloads::Rules> rules_in(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  workloads::Rules out;
  for (const auto& file : files) {
    SEALIFT_ASSIGN(const auto text, base::read_text_file(file, kLimits.bytes));
    SEALIFT_TRY(out.add(text, file));
  }
  return out;
}

Result<void> add_file(workloads::ImageFinder& finder, const std::string& file) {
  SEALIFT_ASSIGN(const auto text, base::read_text_file(file, kLimits.bytes));
  std::vector<std::string> warnings;
  const auto add = [&](Result<yaml::Node> document) -> Result<void> {
    if (document) {
      finder.add(*document);
    } else {
      std::println("# not read: {}", document.error().text());
    }
    return {};
  };
  SEALIFT_TRY(yaml::for_each_document(text, file, kLimits, add, &warnings));
  for (const auto& warning : warnings) std::println("# warning: {}", warning);
  return {};
}

Result<void> run(const std::vector<std::string>& words) {
  workloads::Rules rules;
  workloads::Options options{.test_hooks = workloads::TestHooks::include};
  std::vector<std::string> files;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--without-tests") {
      options.test_hooks = workloads::TestHooks::omit;
    } else if (words[i] == "--rules" && i + 1 < words.size()) {
      SEALIFT_ASSIGN(rules, rules_in(words[++i]));
    } else {
      files.push_back(words[i]);
    }
  }
  // All files as one rendering: rules may need an operator's documents and its resources' together.
  workloads::ImageFinder finder(rules, options);
  for (const auto& file : files) SEALIFT_TRY(add_file(finder, file));
  const auto findings = finder.finish();
  for (const auto& use : findings.images) std::println("{}\t{}\t{}\t{}", use.image, use.found_by, use.object, use.path);
  for (const auto& one : findings.unresolved)
    std::println("# unresolved\t{}\t{}\t{}\t{}", one.text, one.object, one.path, one.why);
  for (const auto& one : findings.omitted)
    std::println("# omitted\t{}\t{}\t{}\t{}", one.text, one.object, one.path, one.reason);
  return {};
}

}  // namespace

int main(int count, char** words) {
  const auto done = run({words + 1, words + count});
  if (done) return 0;
  std::println(stderr, "{}", done.error().text());
  return 1;
}
