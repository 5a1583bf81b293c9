// SPDX-License-Identifier: Apache-2.0
//
// The payloads that this registry host serves: those that the records of delivered artifacts name
// (host/artifact_record.h). An artifact that is delivered later is served from the next request on; nothing is
// restarted, and answers in progress go on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "payload/base/clock.h"
#include "runtime/node/payload_blobs.h"

namespace sealift::node {

class DeliveredPayloads {
 public:
  // The folder need not exist yet. `clock` must outlive this object and every source that it gave out.
  DeliveredPayloads(std::string folder, Clock& clock) : folder_(std::move(folder)), clock_(clock) {}

  // To be asked in this order: the base's artifact first, the others by name. Any thread. A record that can't be read
  // is left out, and told on standard error once.
  std::vector<std::shared_ptr<BlobSource>> sources();
  std::string titles();  // "shop 3.4, erp 7", for messages
  Repositories repositories();
  void stop();  // of all sources, also later ones

 private:
  using Stamp = std::vector<std::tuple<std::string, uint64_t, int64_t, int64_t>>;  // name, inode, size, change in ns
  Stamp stamp() const;
  void look_again();
  void read_again();

  const std::string folder_;
  Clock& clock_;
  std::mutex mutex_;
  Stamp read_at_;
  bool stopped_ = false;
  std::string titles_;
  std::vector<std::shared_ptr<BlobSource>> sources_;
  std::map<std::string, std::shared_ptr<PayloadBlobs>> by_path_;
};

}  // namespace sealift::node
