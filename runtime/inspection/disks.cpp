// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/inspection/judge.h"

namespace sealift::inspection {
namespace {

constexpr double kWarnPercent = 15, kFailPercent = 5;
constexpr double kWarnDays = 14;

double percent(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

void judge_share(std::string_view id, const std::string& host, double left, std::string evidence, Observations& out) {
  if (left < kFailPercent)
    out.fail(id, host, std::move(evidence));
  else if (left < kWarnPercent)
    out.warn(id, host, std::move(evidence));
  else
    out.ok(id, host, std::move(evidence));
}

// Folders may share a disk.
struct Disk {
  const node::HostAnswer::Disk* space = nullptr;
  std::string folders;
};

void judge_disk(const HostLook& host, const Disk& disk, const Look& look, const Wishes& wishes, Observations& out) {
  const auto& space = *disk.space;
  const std::string where =
      disk.folders == space.mount_point ? disk.folders : base::format("{} ({})", space.mount_point, disk.folders);
  if (space.read_only) {
    out.fail("disk.space", host.name, base::format("{} is mounted read-only", where),
             "look at `dmesg` for the disk's errors, and mount it writable");
    return;
  }
  const double left = percent(space.free_bytes, space.total_bytes);
  judge_share("disk.space", host.name, left,
              base::format("{} of {} are free on {} ({:.0f} %)", base::human_bytes(space.free_bytes),
                           base::human_bytes(space.total_bytes), where, left),
              out);
  if (space.total_inodes != 0) {  // some file systems do not count them
    const double inodes = percent(space.free_inodes, space.total_inodes);
    judge_share(
        "disk.inodes", host.name, inodes,
        base::format("{} of {} inodes are free on {} ({:.0f} %)", space.free_inodes, space.total_inodes, where, inodes),
        out);
  }
  const auto days = wishes.disks.days_left(host.name, space.mount_point, look.now_ms, space.free_bytes);
  if (days && *days < kWarnDays)
    out.warn("disk.forecast", host.name,
             base::format("{} is full in {} at the present rate", where,
                          *days < 1 ? std::string("less than a day") : base::format("{:.0f} days", *days)));
  else if (days)
    out.ok("disk.forecast", host.name, base::format("{} lasts {:.0f} days at the present rate", where, *days));
}

}  // namespace

void judge_disks(const Look& look, const Wishes& wishes, Observations& out) {
  for (const auto* host : telling(look)) {
    if (!host->answer) continue;
    std::map<std::string, Disk> disks;
    for (const auto& one : host->answer->disks) {
      auto& disk = disks[one.mount_point];
      disk.space = &one;
      disk.folders += (disk.folders.empty() ? "" : ", ") + one.path;
    }
    for (const auto& [mount, disk] : disks) judge_disk(*host, disk, look, wishes, out);
  }
}

}  // namespace sealift::inspection
