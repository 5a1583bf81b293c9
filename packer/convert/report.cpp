// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/report.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::convert {
namespace {

std::string line_of(const Note& note) {
  std::string out = base::format("{}:{}: {}", note.file, note.line, base::printable(note.what));
  const std::string text = base::printable(note.text, 600);
  switch (note.outcome) {
    case Outcome::kept: out += ": kept" + (text.empty() ? "" : "; " + text); break;
    case Outcome::changed: out += ": now " + text; break;
    case Outcome::dropped: out += ": not needed: " + text; break;
    case Outcome::lost: out += ": no equivalent: " + text; break;
  }
  return out + "\n";
}

}  // namespace

size_t Report::count(Outcome outcome) const {
  return static_cast<size_t>(std::ranges::count(notes_, outcome, &Note::outcome));
}

std::string Report::text() const {
  auto sorted = notes_;
  std::ranges::stable_sort(sorted, {}, [](const Note& note) { return note.at != 0 ? note.at : note.line; });
  std::string out;
  for (const auto& note : sorted) out += line_of(note);
  return out + base::format("{} kept, {} changed, {} not needed, {} without an equivalent\n", count(Outcome::kept),
                            count(Outcome::changed), count(Outcome::dropped), count(Outcome::lost));
}

}  // namespace sealift::convert
