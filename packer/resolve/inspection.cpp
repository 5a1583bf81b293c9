// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/inspection.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

// helm writes "# Source: erp/templates/web.yaml" above each document.
class Sources {
 public:
  explicit Sources(std::string_view text) {
    constexpr std::string_view kMark = "# Source: ";
    int number = 0;
    for (const auto line : base::split(text, '\n')) {
      ++number;
      if (line.starts_with(kMark)) by_line_[number] = base::trim(line.substr(kMark.size()));
    }
  }
  std::string of(int line) const {
    const auto after = by_line_.upper_bound(line);
    return after == by_line_.begin() ? "" : std::string(std::prev(after)->second);
  }

 private:
  std::map<int, std::string_view> by_line_;
};

}  // namespace

void Inspection::append(Inspection other) {
  const auto move = [](auto& from, auto& to) { std::ranges::move(from, std::back_inserter(to)); };
  move(other.images, images);
  move(other.doubts, doubts);
  move(other.omitted, omitted);
  move(other.warnings, warnings);
}

Result<Inspection> inspect_documents(const DocumentStream& stream, const workloads::Rules& rules,
                                     workloads::TestHooks test_hooks, const CheckDocument& check) {
  Inspection out;
  const bool rendered = !stream.set.empty();
  const Sources sources(rendered ? stream.text : std::string_view{});
  const auto file_of = [&](int line) { return rendered ? sources.of(line) : stream.file; };
  // A rendered document's lines are not those of its template.
  const auto place_of = [&](int line) {
    return rendered ? std::format("{} with {}", sources.of(line), stream.set) : std::format("{}:{}", stream.file, line);
  };
  workloads::ImageFinder finder(rules, {.test_hooks = test_hooks});
  const auto visit = [&](Result<yaml::Node> document) -> Result<void> {
    if (!document) {
      if (!rendered) return std::unexpected(std::move(document).error());
      out.warnings.push_back(document.error().what);
      return {};
    }
    SEALIFT_TRY(check(*document, document->line));
    finder.add(*document);
    return {};
  };
  std::vector<std::string> duplicates;
  SEALIFT_TRY(yaml::for_each_document(stream.text, rendered ? "the output of helm" : stream.file, kDocumentLimits,
                                      visit, &duplicates));
  std::ranges::move(duplicates, std::back_inserter(out.warnings));
  auto findings = finder.finish();
  for (auto& found : findings.images) {
    std::vector<std::string> sets;
    if (rendered) sets.push_back(stream.set);
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
        std::format("{}: {} names {}: {}", place_of(left.line), left.object, base::printable(left.text), left.reason));
  }
  return out;
}

}  // namespace sealift::resolve
