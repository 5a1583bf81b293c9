// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/delivered_payloads.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "payload/base/file.h"
#include "runtime/host/artifact_record.h"

namespace sealift::node {

DeliveredPayloads::Stamp DeliveredPayloads::stamp() const {
  Stamp out;
  std::error_code none;
  for (std::filesystem::directory_iterator at(folder_, none), end; !none && at != end; at.increment(none)) {
    const auto name = at->path().filename().string();
    struct stat status{};
    if (!name.ends_with(".json") || ::stat(at->path().c_str(), &status) != 0) continue;
    out.emplace_back(name, status.st_ino, status.st_size,
                     (int64_t{status.st_ctim.tv_sec} * 1'000'000'000) + status.st_ctim.tv_nsec);
  }
  std::ranges::sort(out);
  return out;
}

// Records are replaced by renaming, so each is read whole.
void DeliveredPayloads::read_again() {
  std::vector<host::ArtifactRecord> records;
  for (const auto& file : read_at_) {
    const auto path = folder_ + "/" + std::get<0>(file);
    auto record = base::read_text_file(path, host::kMaxArtifactRecord).and_then([](const std::string& text) {
      return host::parse_artifact_record(text);
    });
    if (record)
      records.push_back(std::move(*record));
    else
      std::fprintf(stderr, "%s: %s; what this artifact brought is not served\n", path.c_str(),
                   record.error().text().c_str());
  }
  host::sort_artifact_records(records);
  std::map<std::string, std::shared_ptr<PayloadBlobs>> kept;
  sources_.clear();
  titles_.clear();
  for (const auto& record : records) {
    if (!record.is_served) continue;
    titles_ += (titles_.empty() ? "" : ", ") + record.title();
    for (const auto& path : record.payloads) {
      if (kept.contains(path)) continue;
      const auto known = by_path_.find(path);
      auto source = known == by_path_.end() ? std::make_shared<PayloadBlobs>(path, clock_) : known->second;
      if (stopped_) source->stop();
      sources_.push_back(source);
      kept.emplace(path, std::move(source));
    }
  }
  by_path_ = std::move(kept);
}

// With mutex_ locked.
void DeliveredPayloads::look_again() {
  auto now = stamp();
  if (now == read_at_) return;
  read_at_ = std::move(now);
  read_again();
}

std::vector<std::shared_ptr<BlobSource>> DeliveredPayloads::sources() {
  const std::lock_guard lock(mutex_);
  look_again();
  return sources_;
}

Repositories DeliveredPayloads::repositories() {
  const std::lock_guard lock(mutex_);
  look_again();
  Repositories out;
  for (const auto& [path, source] : by_path_) source->list(out);
  return out;
}

std::string DeliveredPayloads::titles() {
  const std::lock_guard lock(mutex_);
  return titles_;
}

void DeliveredPayloads::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (const auto& [path, source] : by_path_) source->stop();
}

}  // namespace sealift::node
