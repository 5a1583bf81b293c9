// SPDX-License-Identifier: Apache-2.0
#include "payload/charts/inspection.h"

#include <algorithm>
#include <iterator>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::charts {

void Inspection::append(Inspection other) {
  const auto move = [](auto& from, auto& to) { std::ranges::move(from, std::back_inserter(to)); };
  move(other.images, images);
  move(other.doubts, doubts);
  move(other.omitted, omitted);
  move(other.warnings, warnings);
}

Result<Inspector> Inspector::of_manifest(std::string_view text, const std::string& file, const std::string& source,
                                         const workloads::Rules& rules, const CheckDocument& check) {
  // kubectl knows no hooks: it creates pods that helm would keep for a test.
  Inspector out(rules, workloads::TestHooks::include, {});
  out.files_[0] = file;
  out.source_ = source;
  SEALIFT_TRY(out.read(text, source, check));
  return out;
}

Result<Inspector> Inspector::of_rendered(std::string_view text, const std::string& set, const workloads::Rules& rules,
                                         workloads::TestHooks test_hooks, const CheckDocument& check) {
  Inspector out(rules, test_hooks, set);
  constexpr std::string_view kMark = "# Source: ";
  int number = 0;
  for (const auto line : base::split(text, '\n')) {
    ++number;
    if (line.starts_with(kMark)) out.files_[number] = base::trim(line.substr(kMark.size()));
  }
  SEALIFT_TRY(out.read(text, "the output of helm", check));
  return out;
}

Result<void> Inspector::read(std::string_view text, std::string_view where, const CheckDocument& check) {
  const auto visit = [&](Result<yaml::Node> document) -> Result<void> {
    if (!document) {
      if (set_.empty()) return std::unexpected(std::move(document).error());
      warnings_.push_back(document.error().what);
      return {};
    }
    SEALIFT_TRY(check(*document));
    finder_.add(*document);
    for (auto& note : notes_of(*document)) {
      note.place = place_of(note.line);
      objects_.push_back(std::move(note));
    }
    return {};
  };
  return yaml::for_each_document(text, where, kDocumentLimits, visit, &warnings_);
}

std::string Inspector::file_of(int line) const {
  const auto after = files_.upper_bound(line);
  return after == files_.begin() ? "" : std::prev(after)->second;
}

// A rendered document's lines are not those of its template.
std::string Inspector::place_of(int line) const {
  return set_.empty() ? base::format("{}:{}", source_, line) : base::format("{} with {}", file_of(line), set_);
}

Inspection Inspector::finish(std::span<const yaml::Node* const> others) {
  Inspection out;
  out.warnings = std::move(warnings_);
  auto findings = finder_.finish(others);
  for (auto& found : findings.images) {
    std::vector<std::string> sets;
    if (!set_.empty()) sets.push_back(set_);
    out.images.push_back({{std::move(found.image), file_of(found.line), std::move(found.object), std::move(found.path),
                           std::move(found.found_by), std::move(sets)},
                          place_of(found.line)});
  }
  for (auto& doubt : findings.unresolved) {
    out.doubts.push_back({std::move(doubt.text), place_of(doubt.line), std::move(doubt.object), std::move(doubt.path),
                          std::move(doubt.why)});
  }
  for (const auto& left : findings.omitted) {
    out.omitted.push_back(
        base::format("{}: {} names {}: {}", place_of(left.line), left.object, base::printable(left.text), left.reason));
  }
  return out;
}

}  // namespace sealift::charts
