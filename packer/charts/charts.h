// SPDX-License-Identifier: Apache-2.0
//
// Charts that are not on this machine: from an address to the chart's archive, verified and kept in the cache of
// downloads. Does not look into the archives.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "packer/charts/address.h"
#include "packer/downloads/downloads.h"
#include "packer/lock/lock.h"
#include "payload/distribution/registry.h"

namespace sealift::charts {

struct Chart {
  std::string path;  // the archive on this machine
  lock::Chart pinned;
};

// One thread at a time.
class Charts {
 public:
  // Both must outlive it. `login_files`: see distribution::login_files().
  Charts(downloads::Downloads& downloads, distribution::EndpointOptions endpoints, std::vector<std::string> login_files,
         distribution::Patience patience, Clock& clock)
      : downloads_(downloads),
        endpoints_(std::move(endpoints)),
        login_files_(std::move(login_files)),
        patience_(patience),
        clock_(clock) {}

  // `known`: what it must be, or null. If the cache has it, nothing is asked of the network. Errors: those of
  // find_chart(), of Downloads and of Registry; corrupt if it is not what is known, or not what the repository says;
  // invalid_input if an OCI artifact is no chart.
  Result<Chart> fetch(const Address& address, const lock::Chart* known, const CancelToken& cancel);

 private:
  Result<Chart> from_url(const std::string& url, const std::optional<Digest>& digest, const CancelToken& cancel);
  Result<Chart> from_repository(const Address& address, const lock::Chart* known, const CancelToken& cancel);
  Result<Chart> from_registry(const Address& address, const lock::Chart* known, const CancelToken& cancel);
  Result<const std::string*> index_of(const std::string& repository, const CancelToken& cancel);

  downloads::Downloads& downloads_;
  distribution::EndpointOptions endpoints_;
  std::vector<std::string> login_files_;
  distribution::Patience patience_;
  Clock& clock_;
  std::map<std::string, std::string> indexes_;  // by repository: each is fetched once a run
};

}  // namespace sealift::charts
