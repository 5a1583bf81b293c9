// SPDX-License-Identifier: Apache-2.0
//
// Strict reading of mappings that goes on after a problem, so that one run finds all of them. Internal to this
// library: cluster_config.h is its face.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "payload/yaml/node.h"
#include "runtime/config/cluster_config.h"

namespace sealift::config {

class Problems {
 public:
  explicit Problems(std::string file) : file_(std::move(file)) {}
  void add(const yaml::Node& at, std::string message) { add(at, ErrorCode::invalid_config, std::move(message)); }
  void add(const yaml::Node& at, ErrorCode code, std::string message) { list_.push_back({file_, at.line, at.column, code, std::move(message)}); }
  std::vector<Problem> take();  // by line
  const std::string& file() const { return file_; }

 private:
  std::string file_;
  std::vector<Problem> list_;
};

// One mapping. Fields of `later` are known but not supported yet: an `unsupported` problem each.
class Mapping {
 public:
  Mapping(const yaml::Node& node, Problems& problems, std::string_view what, std::initializer_list<std::string_view> known,
          std::initializer_list<std::string_view> later = {});

  const yaml::Node* find(std::string_view key) const;
  const yaml::Node& node() const { return *node_; }

  // Absent or null leaves the target as it is; a wrong type is a problem.
  void text(std::string_view key, std::string& target) const;
  void text(std::string_view key, std::optional<std::string>& target) const;
  void port(std::string_view key, uint16_t& target) const;
  void texts(std::string_view key, std::vector<std::string>& target) const;
  // A problem if the field is missing.
  bool require(std::string_view key) const;
  void bad(std::string_view key, std::string message) const;

 private:
  const yaml::Node* node_;
  Problems& problems_;
};

// --- checks of single values; they give the reason, or nothing if the value is good ---
bool is_dns_label(std::string_view text);       // RFC 1123 label
bool is_dns_subdomain(std::string_view text);   // RFC 1123 subdomain
bool is_ip(std::string_view text);              // IPv4 or IPv6, no prefix
std::optional<std::string> bad_cidr(std::string_view text);
bool cidrs_overlap(std::string_view a, std::string_view b);  // both good
std::optional<std::string> bad_label(std::string_view key, std::string_view value);
std::optional<std::string> bad_taint(std::string_view text);

// "10.7.0.[21-23]" → three addresses; without brackets one. Nothing if the range can't be read.
std::optional<std::vector<std::string>> expand_addresses(std::string_view text);

}  // namespace sealift::config
