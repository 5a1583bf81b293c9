// SPDX-License-Identifier: Apache-2.0
// Source: https://semver.org, version 2.0.0, sections 9 to 11.
#include "payload/format/requirement.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <compare>
#include <vector>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::format {
namespace {

struct Version {
  std::vector<uint64_t> numbers;
  std::vector<std::string> pre_release;
};

std::optional<uint64_t> number(std::string_view text) {
  uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

std::optional<Version> parse_version(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  text = text.substr(0, text.find('+'));
  Version out;
  const size_t dash = text.find('-');
  for (const auto part : base::split(text.substr(0, dash), '.')) {
    const auto value = number(part);
    if (!value) return std::nullopt;
    out.numbers.push_back(*value);
  }
  if (dash == std::string_view::npos) return out;
  for (const auto part : base::split(text.substr(dash + 1), '.')) {
    if (part.empty()) return std::nullopt;
    out.pre_release.emplace_back(part);
  }
  return out;
}

std::strong_ordering compare_identifiers(const std::string& a, const std::string& b) {
  const auto x = number(a), y = number(b);
  if (x && y) return *x <=> *y;
  if (x || y) return x ? std::strong_ordering::less : std::strong_ordering::greater;
  return a <=> b;
}

std::strong_ordering compare(const Version& a, const Version& b) {
  const auto at = [](const Version& version, size_t i) { return i < version.numbers.size() ? version.numbers[i] : 0; };
  for (size_t i = 0; i < std::max(a.numbers.size(), b.numbers.size()); ++i) {
    if (const auto order = at(a, i) <=> at(b, i); order != 0) return order;
  }
  // A version comes after its own pre-releases.
  if (a.pre_release.empty() || b.pre_release.empty()) return a.pre_release.empty() <=> b.pre_release.empty();
  return std::lexicographical_compare_three_way(a.pre_release.begin(), a.pre_release.end(), b.pre_release.begin(),
                                                b.pre_release.end(), compare_identifiers);
}

// The longer ones first.
constexpr auto kOperators = std::to_array<std::string_view>({">=", "<=", ">", "<", "="});

struct Bound {
  std::string_view comparison;  // of kOperators
  Version version;
  std::string_view written;
};

Result<std::vector<Bound>> parse_bounds(std::string_view text) {
  std::vector<Bound> out;
  const auto skip = [&] { text.remove_prefix(std::min(text.find_first_not_of(" ,"), text.size())); };
  for (skip(); !text.empty(); skip()) {
    const auto found = std::ranges::find_if(kOperators, [&](std::string_view one) { return text.starts_with(one); });
    const std::string_view comparison = found == kOperators.end() ? "=" : *found;
    if (found != kOperators.end()) text.remove_prefix(comparison.size());
    skip();
    const auto written = text.substr(0, text.find_first_of(" ,<>="));
    auto version = parse_version(written);
    if (!version)
      return fail(ErrorCode::invalid_input,
                  "\"{}\" is no version; write bounds like >=1.31 <1.36 (comparisons: >= > <= < =)",
                  base::printable(written.empty() ? text : written));
    text.remove_prefix(written.size());
    out.push_back({comparison, std::move(*version), written});
  }
  return out;
}

bool holds(const Version& version, const Bound& bound) {
  const auto order = compare(version, bound.version);
  if (bound.comparison == ">=") return order >= 0;
  if (bound.comparison == "<=") return order <= 0;
  if (bound.comparison == ">") return order > 0;
  if (bound.comparison == "<") return order < 0;
  return order == 0;
}

}  // namespace

std::string Requirement::text() const { return versions.empty() ? name : name + " " + versions; }

Result<std::string> parse_versions(std::string_view text) {
  SEALIFT_ASSIGN(const auto bounds, parse_bounds(text));
  std::string out;
  for (const auto& bound : bounds)
    out += base::format("{}{}{}", out.empty() ? "" : " ", bound.comparison, bound.written);
  return out;
}

bool is_among(std::string_view version, std::string_view versions) {
  const auto bounds = parse_bounds(versions);
  if (!bounds) return false;
  if (bounds->empty()) return true;
  const auto parsed = parse_version(version);
  return parsed && std::ranges::all_of(*bounds, [&](const Bound& bound) { return holds(*parsed, bound); });
}

std::optional<std::string> lowest_of(std::string_view versions) {
  const auto bounds = parse_bounds(versions);
  if (!bounds) return std::nullopt;
  const Version* lowest = nullptr;
  for (const auto& bound : *bounds) {
    if (bound.comparison != ">=" && bound.comparison != "=") continue;
    if (lowest == nullptr || compare(*lowest, bound.version) < 0) lowest = &bound.version;
  }
  if (lowest == nullptr) return std::nullopt;
  auto numbers = lowest->numbers;
  numbers.resize(3);
  auto out = base::format("v{}.{}.{}", numbers[0], numbers[1], numbers[2]);
  if (!lowest->pre_release.empty()) out += "-" + base::join(lowest->pre_release, ".");
  return out;
}

}  // namespace sealift::format
