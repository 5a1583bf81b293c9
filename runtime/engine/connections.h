// SPDX-License-Identifier: Apache-2.0
//
// Where the runner gets its hosts from: one connection for each host, replaced when it turns out dead. How a connection
// is made (SSH, agent, a fake) is up to the caller.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "payload/base/cancel.h"
#include "payload/base/error.h"

namespace sealift::host {
class Host;
class HostView;
}  // namespace sealift::host

namespace sealift::engine {

// Hosts by node name, to look at.
class HostViews {
 public:
  virtual ~HostViews() = default;
  // Errors as for HostConnections. Any thread.
  virtual Result<std::shared_ptr<host::HostView>> view(const std::string& host, const CancelToken& cancel) = 0;
};

class HostConnections : public HostViews {
 public:
  Result<std::shared_ptr<host::HostView>> view(const std::string& host, const CancelToken& cancel) final;
  // Returns the connection to a host. `broken` is a connection that the caller suspects and no longer holds: if it is
  // still current and does not answer, it is replaced. Errors: those of connecting; `unreachable` and `timeout` are
  // worth a retry. Any thread.
  virtual Result<std::shared_ptr<host::Host>> connection(const std::string& host, const host::Host* broken,
                                                         const CancelToken& cancel) = 0;
  // Something was unreachable and it is not known what: each connection is probed before its next use. (A step may talk
  // to hosts other than its own.)
  virtual void doubt_all() {}
};

// Connects on first use by calling a function; one attempt at a time for each host, different hosts concurrently. Any
// thread.
class ConnectionPool final : public HostConnections {
 public:
  using Connect =
      std::function<Result<std::shared_ptr<host::Host>>(const std::string& host, const CancelToken& cancel)>;
  explicit ConnectionPool(Connect connect) : connect_(std::move(connect)) {}

  Result<std::shared_ptr<host::Host>> connection(const std::string& host, const host::Host* broken,
                                                 const CancelToken& cancel) override;
  void doubt_all() override;
  // Adds an existing connection (from preflight).
  void adopt(const std::string& host, std::shared_ptr<host::Host> connection);

 private:
  struct Entry {
    std::mutex mutex;
    std::shared_ptr<host::Host> current;
    std::atomic<bool> doubted = false;
  };
  std::shared_ptr<Entry> entry(const std::string& host);

  Connect connect_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
};

}  // namespace sealift::engine
