// SPDX-License-Identifier: Apache-2.0
#include "packer/charts/repository_index.h"

#include <algorithm>
#include <vector>

#include "packer/charts/address.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/yaml/node.h"

namespace sealift::charts {
namespace {

constexpr size_t kShown = 12;  // names and versions in a message
constexpr yaml::Limits kLimits{.bytes = size_t{16} << 20, .depth = 32, .nodes = 1'000'000};

// What helm writes: a key at this indentation begins a chart.
bool is_chart_line(std::string_view line) {
  return line.size() > 3 && line.starts_with("  ") && line[2] != ' ' && line[2] != '-' && line[2] != '#' &&
         line.ends_with(':');
}

struct Part {
  std::vector<std::string> names;  // of all charts
  std::string text;                // "NAME:" with its versions; empty if there is no such chart
};

// nullopt if the index is not laid out as helm writes it: then all of it must be read.
std::optional<Part> part_of(std::string_view index, std::string_view name) {
  Part out;
  bool in_entries = false, in_chart = false;
  while (!index.empty()) {
    const size_t end = std::min(index.find('\n'), index.size());
    auto line = index.substr(0, end);
    index.remove_prefix(std::min(end + 1, index.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && line[0] != ' ' && line[0] != '#' && line[0] != '-') {
      in_entries = line == "entries:";
      in_chart = false;
    } else if (in_entries && is_chart_line(line)) {
      const auto chart = line.substr(2, line.size() - 3);
      if (chart.find_first_of("\"'{}[]&*!|>#: ") != std::string_view::npos) return std::nullopt;
      out.names.emplace_back(chart);
      in_chart = chart == name;
    }
    if (in_chart) out.text.append(line).append("\n");
  }
  return out.names.empty() ? std::nullopt : std::optional(std::move(out));
}

std::string listed(const std::vector<std::string>& names) {
  const std::vector<std::string> first(names.begin(),
                                       names.begin() + static_cast<ptrdiff_t>(std::min(names.size(), kShown)));
  return base::join(first, ", ") + (names.size() > kShown ? base::format(" and {} more", names.size() - kShown) : "");
}

std::unexpected<Error> no_chart(std::string_view name, const std::vector<std::string>& names, std::string_view where) {
  const auto near = base::nearest(name, std::vector<std::string_view>(names.begin(), names.end()));
  return fail(ErrorCode::not_found, "{} has no chart \"{}\"; {}", where, base::printable(name),
              near ? base::format("did you mean {}?", base::printable(*near))
                   : "it has " + base::printable(listed(names), 1000));
}

std::string_view plain(std::string_view version) {
  if (version.starts_with('v')) version.remove_prefix(1);
  return version;
}

Result<IndexEntry> entry_of(const yaml::Node& version, std::string_view what, std::string_view where) {
  IndexEntry out;
  const auto* urls = version.find("urls");
  if (urls == nullptr || urls->items.empty() || !urls->items[0].as_string())
    return fail(ErrorCode::invalid_input, "{} says of {} no URL", where, what);
  out.url = *urls->items[0].as_string();
  auto digest = version.text_at("digest");
  if (digest.empty()) return out;
  if (!digest.contains(':')) digest.insert(0, "sha256:");
  auto parsed = Digest::parse(digest);
  if (!parsed)
    return fail(ErrorCode::invalid_input, "{} says of {} a digest that is no SHA-256: {}", where, what,
                base::printable(digest));
  out.digest = *parsed;
  return out;
}

}  // namespace

Result<IndexEntry> find_chart(std::string_view index, std::string_view name, std::string_view version,
                              std::string_view where) {
  const auto place = base::format("{}/index.yaml", where);
  const auto part = part_of(index, name);
  if (part && part->text.empty()) return no_chart(name, part->names, where);
  SEALIFT_ASSIGN(const auto documents, yaml::parse(part ? std::string_view(part->text) : index, place, kLimits,
                                                   yaml::DuplicateKeys::last_wins));
  const yaml::Node document = documents.empty() ? yaml::Node{} : documents.front();
  const auto* charts = part ? &document : document.find("entries");
  const auto* versions = charts == nullptr ? nullptr : charts->find(name);
  if (charts == nullptr) return fail(ErrorCode::invalid_input, "{} is no index of a chart repository", place);
  if (versions == nullptr) {
    std::vector<std::string> names;
    for (const auto& [chart, node] : charts->members) names.push_back(chart);
    return no_chart(name, names, where);
  }
  std::vector<std::string> known;
  const yaml::Node* found = nullptr;
  for (const auto& one : versions->items) {
    const auto text = one.text_at("version");
    known.push_back(base::printable(text));
    if (text == version || (found == nullptr && plain(text) == plain(version))) found = &one;
  }
  if (!is_exact_version(version))
    return fail(ErrorCode::invalid_input, "an exact version of {} is required, {}; {} has {}", base::printable(name),
                version.empty() ? "as in CHART@1.2.3" : base::format("not \"{}\"", base::printable(version)), where,
                listed(known));
  const auto what = base::format("{} {}", base::printable(name), base::printable(version));
  if (found == nullptr) return fail(ErrorCode::not_found, "{} has no {}; it has {}", where, what, listed(known));
  return entry_of(*found, what, place);
}

}  // namespace sealift::charts
