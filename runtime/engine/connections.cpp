// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine/connections.h"

#include "runtime/host/host.h"

namespace sealift::engine {

Result<std::shared_ptr<host::HostView>> HostConnections::view(const std::string& host, const CancelToken& cancel) {
  return connection(host, nullptr, cancel);
}

std::shared_ptr<ConnectionPool::Entry> ConnectionPool::entry(const std::string& host) {
  std::lock_guard lock(mutex_);
  auto& slot = entries_[host];
  if (!slot) slot = std::make_shared<Entry>();
  return slot;
}

Result<std::shared_ptr<host::Host>> ConnectionPool::connection(const std::string& host, const host::Host* broken,
                                                               const CancelToken& cancel) {
  auto slot = entry(host);
  std::lock_guard lock(slot->mutex);
  const bool doubted = slot->doubted.exchange(false);
  if (slot->current && slot->current.get() != broken && !doubted) return slot->current;
  SEALIFT_TRY(cancel.check());
  // The unreachable host may have been another one the step talked to: probe this one before dropping it.
  if (slot->current && slot->current->stat("/")) return slot->current;
  slot->current.reset();  // the old connection must end before a new one requests the host's lock
  SEALIFT_ASSIGN(slot->current, connect_(host, cancel));
  return slot->current;
}

void ConnectionPool::doubt_all() {
  std::lock_guard lock(mutex_);
  for (auto& [host, slot] : entries_) slot->doubted = true;
}

void ConnectionPool::adopt(const std::string& host, std::shared_ptr<host::Host> connection) {
  auto slot = entry(host);
  std::lock_guard lock(slot->mutex);
  slot->current = std::move(connection);
}

}  // namespace sealift::engine
