// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/calls.h"

#include <algorithm>
#include <array>
#include <optional>

#include "payload/base/text.h"

namespace sealift::convert {
namespace {

// The words of a command line, option by option. An option's value stands behind "=" or is the next word.
class Words {
 public:
  Words(std::span<const std::string> words, std::span<const std::string_view> with_values)
      : words_(words), with_values_(with_values) {}

  struct Option {
    std::string name, value;
  };
  // An operand has no name.
  std::optional<Option> next() {
    if (at_ == words_.size()) return std::nullopt;
    const std::string& word = words_[at_++];
    if (!word.starts_with('-') || word == "-") return Option{"", word};
    const size_t equals = word.find('=');
    Option out{word.substr(0, equals), equals == std::string::npos ? "" : word.substr(equals + 1)};
    const bool takes_next = equals == std::string::npos && std::ranges::contains(with_values_, out.name);
    if (takes_next && at_ < words_.size()) out.value = words_[at_++];
    return out;
  }

 private:
  std::span<const std::string> words_;
  std::span<const std::string_view> with_values_;
  size_t at_ = 0;
};

constexpr auto kHelmValues = std::to_array<std::string_view>({"-n",
                                                              "--namespace",
                                                              "-f",
                                                              "--values",
                                                              "--set",
                                                              "--set-string",
                                                              "--set-json",
                                                              "--set-file",
                                                              "--set-literal",
                                                              "--version",
                                                              "--repo",
                                                              "--timeout",
                                                              "--name",
                                                              "--kubeconfig",
                                                              "--kube-context",
                                                              "--description",
                                                              "--username",
                                                              "--password",
                                                              "--post-renderer",
                                                              "--history-max",
                                                              "--ca-file",
                                                              "--cert-file",
                                                              "--key-file",
                                                              "-l",
                                                              "--labels"});

constexpr auto kKubectlValues = std::to_array<std::string_view>({"-n",
                                                                 "--namespace",
                                                                 "-f",
                                                                 "--filename",
                                                                 "-k",
                                                                 "--kustomize",
                                                                 "-l",
                                                                 "--selector",
                                                                 "-o",
                                                                 "--output",
                                                                 "-p",
                                                                 "--patch",
                                                                 "--kubeconfig",
                                                                 "--context",
                                                                 "--timeout",
                                                                 "--type",
                                                                 "--for",
                                                                 "--field-manager",
                                                                 "--server",
                                                                 "-s",
                                                                 "--token",
                                                                 "--user",
                                                                 "--field-selector",
                                                                 "--prune-allowlist",
                                                                 "--from-literal",
                                                                 "--from-file"});

}  // namespace

bool has_login(std::string_view url) {
  const size_t host = url.find("://");
  return host != std::string_view::npos && url.find('@', host) < url.find_first_of("/?#", host + 3);
}

HelmCall read_helm(std::span<const std::string> words) {
  HelmCall out;
  Words options(words, kHelmValues);
  while (const auto option = options.next()) {
    const auto& [name, value] = *option;
    if (name.empty()) {
      if (out.verb.empty()) {
        out.verb = value;
      } else {
        out.operands.push_back(value);
      }
    } else if (name == "-n" || name == "--namespace") {
      out.target_namespace = value;
    } else if (name == "-f" || name == "--values") {
      for (const auto part : base::split(value, ',')) out.value_files.emplace_back(part);
    } else if (name == "--set" || name == "--set-string") {
      out.settings.emplace_back(value, name == "--set" ? SetType::guessed : SetType::string);
    } else if (name == "--version") {
      out.version = value;
    } else if (name == "--repo") {
      out.repository = value;
    } else if (name == "--name") {  // helm 2
      out.operands.insert(out.operands.begin(), value);
    } else if (name == "--set-json" || name == "--set-file" || name == "--set-literal" || name == "--post-renderer") {
      out.unread = name;
    }
  }
  return out;
}

KubectlCall read_kubectl(std::span<const std::string> words) {
  KubectlCall out;
  Words options(words, kKubectlValues);
  while (const auto option = options.next()) {
    const auto& [name, value] = *option;
    if (name.empty()) {
      if (out.verb.empty()) {
        out.verb = value;
      } else {
        out.operands.push_back(value);
      }
    } else if (name == "-n" || name == "--namespace") {
      out.target_namespace = value;
    } else if (name == "-f" || name == "--filename" || name == "-k" || name == "--kustomize") {
      for (const auto part : base::split(value, ',')) out.files.emplace_back(part);
      out.is_kustomization = out.is_kustomization || name == "-k" || name == "--kustomize";
    } else if (name == "-R" || name == "--recursive") {
      out.is_recursive = true;
    }
  }
  return out;
}

}  // namespace sealift::convert
