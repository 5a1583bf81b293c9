// SPDX-License-Identifier: Apache-2.0
#include "runtime/inspection/disk_history.h"

#include <algorithm>

#include "payload/json/value.h"

namespace sealift::inspection {
namespace {

constexpr uint64_t kFormat = 1;
constexpr json::Limits kLimits{.bytes = size_t{16} << 20, .depth = 8};
constexpr int64_t kHour = 3'600'000, kDay = 24 * kHour;
constexpr int64_t kMemory = 30 * kDay;
constexpr size_t kMostSamples = 48;

}  // namespace

Result<DiskHistory> DiskHistory::parse(std::string_view text) {
  const auto value = json::parse(text, kLimits);
  if (!value) return fail(ErrorCode::corrupt, "the record of disks is no JSON: {}", value.error().what);
  const uint64_t format = value->natural_or("format", 0);
  if (format > kFormat) return fail(ErrorCode::unsupported_version, "the record of disks has the format {}", format);
  DiskHistory out;
  const auto* disks = value->find("disks");
  if (format == 0 || disks == nullptr || !disks->is_array())
    return fail(ErrorCode::corrupt, "the record of disks has no list of them");
  for (const auto& disk : *disks->elements()) {
    const auto* samples = disk.find("samples");
    if (samples == nullptr || !samples->is_array()) return fail(ErrorCode::corrupt, "a disk has no samples");
    auto& kept = out.disks_[{disk.text_or("host", ""), disk.text_or("mount", "")}];
    for (const auto& sample : *samples->elements()) {
      const auto *at = sample.at_path("0"), *free = sample.at_path("1");
      const auto at_ms = at == nullptr ? std::nullopt : at->integer();
      const auto free_bytes = free == nullptr ? std::nullopt : free->unsigned_integer();
      if (!at_ms || !free_bytes) return fail(ErrorCode::corrupt, "a sample of a disk is not two numbers");
      kept.push_back({*at_ms, *free_bytes});
    }
  }
  return out;
}

std::string DiskHistory::text() const {
  json::Value disks = json::Value::array();
  for (const auto& [key, samples] : disks_) {
    json::Value list = json::Value::array();
    for (const auto& sample : samples) list.push_back(json::Array{sample.at_ms, sample.free_bytes});
    json::Value disk = json::Value::object();
    disk.set("host", key.first);
    disk.set("mount", key.second);
    disk.set("samples", std::move(list));
    disks.push_back(std::move(disk));
  }
  json::Value out = json::Value::object();
  out.set("format", kFormat);
  out.set("disks", std::move(disks));
  return json::to_canonical(out) + "\n";
}

void DiskHistory::add(const std::string& host, const std::string& mount, int64_t now_ms, uint64_t free_bytes) {
  auto& samples = disks_[{host, mount}];
  std::erase_if(samples,
                [&](const Sample& sample) { return sample.at_ms > now_ms || sample.at_ms < now_ms - kMemory; });
  if (!samples.empty() && now_ms - samples.back().at_ms < kHour) return;
  if (samples.size() == kMostSamples) samples.erase(samples.begin());
  samples.push_back({now_ms, free_bytes});
}

std::optional<double> DiskHistory::days_left(const std::string& host, const std::string& mount, int64_t now_ms,
                                             uint64_t free_bytes) const {
  const auto found = disks_.find({host, mount});
  if (found == disks_.end() || found->second.empty()) return std::nullopt;
  const auto& [at_ms, was_free] = found->second.front();
  if (now_ms - at_ms < kHour || was_free <= free_bytes) return std::nullopt;
  const double each_day = static_cast<double>(was_free - free_bytes) / (static_cast<double>(now_ms - at_ms) / kDay);
  return static_cast<double>(free_bytes) / each_day;
}

}  // namespace sealift::inspection
