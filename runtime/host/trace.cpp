// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/trace.h"

#include <algorithm>
#include <tuple>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/host/json_values.h"

namespace sealift::host {
namespace {

constexpr size_t kMaxLine = size_t{128} << 10;  // two paths of 4096 bytes, each of them escaped, and more

std::unexpected<Error> corrupt(size_t line, std::string_view why) {
  return fail(ErrorCode::corrupt, "line {} of the footprint: {}", line, why);
}

}  // namespace

std::string footprint_lines(const Footprint& footprint) {
  std::string out;
  for (const auto& trace : footprint) out += json::to_canonical(to_json(trace)) + "\n";
  return out;
}

Result<Footprint> parse_footprint(std::string_view lines) {
  if (static_cast<size_t>(std::ranges::count(lines, '\n')) > kMaxTraces)
    return corrupt(kMaxTraces + 1, base::format("there may be {} at most", kMaxTraces));
  Footprint out;
  for (size_t number = 1; !lines.empty(); ++number) {
    const size_t end = lines.find('\n');
    if (end == std::string_view::npos) return corrupt(number, "it has no end");
    const auto value = json::parse(lines.substr(0, end), {kMaxLine, 2});
    if (!value) return corrupt(number, value.error().what);
    auto trace = from_json<Trace>(*value);
    if (!trace) return corrupt(number, trace.error().what);
    if (!out.empty() && std::tie(out.back().kind, out.back().name) >= std::tie(trace->kind, trace->name))
      return corrupt(number, "not in order, or there twice");
    out.push_back(std::move(*trace));
    lines.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace sealift::host
