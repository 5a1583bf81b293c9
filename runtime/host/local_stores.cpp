// SPDX-License-Identifier: Apache-2.0
// The payloads that arrive on this machine.
#include "payload/base/checked.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/host/local_host.h"
#include "runtime/host/open_folder.h"

namespace sealift::host {
namespace {

// A payload's file, by way of its folder, which stays open.
struct StorePlace {
  base::Fd folder;
  std::string reached;
};

// A payload holds what only some users may read, and the mirror serves what lies there: nobody but root may have a hand
// in its folder.
Result<StorePlace> store_place(const std::string& root, const std::string& path) {
  SEALIFT_ASSIGN(auto place, place_of(root, path, FolderOwners::root));
  std::string reached = base::format("/proc/self/fd/{}/{}", place.folder.get(), place.name);
  return StorePlace{std::move(place.folder), std::move(reached)};
}

// Errors speak of the path, not of the descriptor by which it was reached.
template <class T>
Result<T> about(const std::string& path, const StorePlace& place, Result<T> done) {
  if (!done) done.error().what = base::replace_all(std::move(done.error().what), place.reached, path);
  return done;
}

}  // namespace

struct LocalHost::OpenStore {
  StorePlace place;
  std::unique_ptr<PayloadStore> payload;
};

Result<StoreState> LocalHost::store_state(const std::string& path) {
  {
    const std::lock_guard lock(stores_mutex_);
    if (const auto open = stores_.find(path); open != stores_.end())
      SEALIFT_TRY(about(path, open->second->place, open->second->payload->sync()));
  }
  const auto place = store_place(root_, path);
  if (!place && place.error().code == ErrorCode::not_found) return StoreState{};
  if (!place) return fail(place.error());
  SEALIFT_ASSIGN(const auto pieces, about(path, *place, read_stored_pieces(place->reached)));
  StoreState out{pieces.complete, {}};
  for (const auto& [offset, size] : pieces.pieces) out.frames.push_back(offset);
  return out;
}

Result<std::shared_ptr<LocalHost::OpenStore>> LocalHost::store(const std::string& path, uint64_t total) {
  const std::lock_guard lock(stores_mutex_);
  if (const auto open = stores_.find(path); open != stores_.end()) return open->second;
  auto out = std::make_shared<OpenStore>();
  SEALIFT_ASSIGN(out->place, store_place(root_, path));
  SEALIFT_ASSIGN(out->payload, about(path, out->place, PayloadStore::open(out->place.reached, total)));
  stores_.emplace(path, out);
  return out;
}

Result<void> LocalHost::store_write(const std::string& path, uint64_t total, uint64_t offset, const Digest& expected,
                                    ByteView data, const Reason& reason) {
  if (hash::sha256(data) != expected)
    return fail(ErrorCode::corrupt, "the bytes for offset {} of {} arrived damaged", offset, path);
  if (!base::range_within(offset, data.size(), total))
    return fail(ErrorCode::internal, "bytes beyond the end of {}", path);
  SEALIFT_ASSIGN(const auto known, stat(path));
  if (!known) {
    SEALIFT_TRY(ledger_->add(reason, PayloadStored{path, false}));
    const std::lock_guard lock(stores_mutex_);
    stores_.erase(path);  // one that was taken away meanwhile
  }
  SEALIFT_ASSIGN(const auto open, store(path, total));
  return about(path, open->place, open->payload->write(offset, data));
}

Result<void> LocalHost::store_finish(const std::string& path, const Reason& reason) {
  SEALIFT_ASSIGN(const auto place, store_place(root_, path));
  SEALIFT_ASSIGN(const auto pieces, about(path, place, read_stored_pieces(place.reached)));
  if (pieces.complete) return {};
  if (pieces.total == 0)
    return fail(ErrorCode::not_found, "nothing of {} is stored yet; run the same command again", path);
  SEALIFT_ASSIGN(const auto open, store(path, pieces.total));
  SEALIFT_TRY(about(path, open->place, open->payload->finish()));
  const std::lock_guard lock(stores_mutex_);
  stores_.erase(path);
  return ledger_->add(reason, PayloadStored{path, true});
}

LocalHost::~LocalHost() = default;

}  // namespace sealift::host
