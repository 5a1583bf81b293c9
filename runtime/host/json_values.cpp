// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/json_values.h"

#include "payload/base/printable.h"

namespace sealift::host {

json::Value to_json(const Error& error) {
  json::Value out = json::Value::object();
  out.set("code", base::name(error.code));
  out.set("what", error.what);
  out.set("while", to_json(error.while_doing));
  return out;
}

// Always returns an error, however badly it was written.
Error error_from_json(const json::Value& value) {
  constexpr size_t kLongestError = size_t{64} << 10, kMostReasons = 32;
  const std::string what = value.text_or("what", "an error without text");
  Error out{base::parse_error_code(value.text_or("code", "")).value_or(ErrorCode::internal),
            base::printable_lines(std::string_view(what).substr(0, kLongestError)),
            {}};
  if (const auto* doing = value.find("while"))
    out.while_doing = from_json<std::vector<std::string>>(*doing).value_or(std::vector<std::string>{});
  if (out.while_doing.size() > kMostReasons) out.while_doing.resize(kMostReasons);
  for (auto& doing : out.while_doing) doing = base::printable(doing, 1000);
  return out;
}

}  // namespace sealift::host
