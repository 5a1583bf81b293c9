// SPDX-License-Identifier: Apache-2.0
#include "runtime/inspection/observation.h"

#include <algorithm>
#include <utility>

#include "runtime/inspection/catalog.h"

namespace sealift::inspection {

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok: return "ok";
    case Verdict::warn: return "warn";
    case Verdict::fail: return "fail";
  }
  return "unknown";
}

std::string without_last_lines(std::string_view evidence) {
  return std::string(evidence.substr(0, evidence.find(kLastLines)));
}

void Observations::ok(std::string_view id, std::string subject, std::string evidence) {
  add(Verdict::ok, id, std::move(subject), std::move(evidence));
}

void Observations::warn(std::string_view id, std::string subject, std::string evidence, std::string remedy) {
  add(Verdict::warn, id, std::move(subject), std::move(evidence), std::move(remedy));
}

void Observations::fail(std::string_view id, std::string subject, std::string evidence, std::string remedy) {
  add(Verdict::fail, id, std::move(subject), std::move(evidence), std::move(remedy));
}

void Observations::add(Verdict verdict, std::string_view id, std::string subject, std::string evidence,
                       std::string remedy) {
  if (verdict != Verdict::ok && remedy.empty()) remedy = remedy_of(id);
  list_.push_back({std::string(id), std::move(subject), verdict, std::move(evidence), std::move(remedy)});
}

bool Observations::has(std::string_view id, std::string_view subject) const {
  return std::ranges::any_of(list_, [&](const Observation& one) { return one.id == id && one.subject == subject; });
}

}  // namespace sealift::inspection
