// SPDX-License-Identifier: Apache-2.0
//
// Images held by other hosts, the cluster's registry hosts: asked over mutual TLS, one after the other, until one has
// what is asked for: one may still have what another artifact brought, and the next not yet. Retries of requests to
// them happen only here.
#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/clock.h"
#include "payload/http/client.h"
#include "runtime/node/blob_source.h"

namespace sealift::node {

class UpstreamBlobs final : public BlobSource {
 public:
  // `hosts` in their initial order of asking. `clock` must outlive this object.
  UpstreamBlobs(std::vector<http::Origin> hosts, http::TlsIdentity identity, Clock& clock)
      : clock_(clock), identity_(std::move(identity)), hosts_(std::move(hosts)) {}

  Result<std::optional<BlobInfo>> stat(const Question& question) override;
  // Does nothing: a registry host waits for its own bytes, within read().
  Result<void> await(const BlobInfo& blob) override;
  // If a host dies midway, the next one continues where it stopped.
  Result<void> read(const BlobInfo& blob, format::ByteRange range, base::Sink& sink) override;
  void stop() override;
  // For connections from now on. Any thread.
  void set_identity(http::TlsIdentity identity);

 private:
  using Request = std::function<Result<http::Reply>(http::Client&)>;
  // `received` counts the bytes that have come: as long as it grows, no host counts as silent.
  Result<http::Reply> ask(const Request& request, const std::function<uint64_t()>& received = [] { return 0; });
  Result<http::Reply> ask_one(const http::Origin& host, const Request& request);
  void answered(const http::Origin& host);
  void deceived(const http::Origin& host);

  Clock& clock_;
  CancelSource stopped_;
  std::mutex mutex_;
  http::TlsIdentity identity_;
  std::vector<http::Origin> hosts_;  // the last to answer first, senders of wrong bytes last
  std::set<http::Client*> at_work_;
};

}  // namespace sealift::node
