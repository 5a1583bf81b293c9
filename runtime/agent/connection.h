// SPDX-License-Identifier: Apache-2.0
//
// The caller's end of the agent's protocol: sends requests and passes answers to the waiting threads. It knows frames,
// not the meaning of calls. Internal to this library.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "payload/base/cancel.h"
#include "payload/base/clock.h"
#include "payload/base/thread.h"
#include "runtime/agent/protocol.h"
#include "runtime/agent/remote_host.h"

namespace sealift::agent {

class AgentConnection {
 public:
  AgentConnection(AgentLink link, Clock& clock);
  ~AgentConnection();

  // Reads up to the agent's hello, then starts the threads.
  Result<json::Value> begin();
  // `body` may be null. The answer's body goes to `into`, whose errors end the call. `patience`: for the whole call.
  // After a cancel the agent has ten seconds for its answer. Any thread.
  Result<json::Value> call(json::Value request, base::Source* body, base::Sink& into, Duration patience,
                           const CancelToken& cancel);

 private:
  struct Pending;
  void read_frames();
  void keep_alive();
  Result<void> take(WireFrame frame);
  void fail_all(const Error& error);
  std::shared_ptr<Pending> find(uint32_t id);
  Result<json::Value> response_to(uint32_t id, Pending& pending, const std::string& called,
                                  const base::Deadline& until);

  AgentLink link_;
  Clock& clock_;
  FrameWriter writer_;
  std::mutex mutex_;
  std::condition_variable stop_changed_;
  std::map<uint32_t, std::shared_ptr<Pending>> pending_;
  uint32_t next_id_ = 1;
  std::optional<Error> broken_;
  bool stop_ = false;
  std::atomic<int64_t> last_heard_ms_ = 0;
  Thread reader_, keeper_;
};

}  // namespace sealift::agent
