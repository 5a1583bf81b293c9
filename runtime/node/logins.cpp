// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/logins.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "payload/base/file.h"
#include "payload/base/text.h"

namespace sealift::node {
namespace {

constexpr size_t kMaxUsersFile = size_t{64} << 10;
constexpr size_t kMaxLogin = 1024;  // as it is sent
constexpr std::string_view kScheme = "basic ";

struct Login {
  std::string user;
  Secret password;
};

std::optional<Login> parse_login(std::string_view authorization) {
  if (authorization.size() > kMaxLogin || authorization.size() < kScheme.size() ||
      base::to_lower(authorization.substr(0, kScheme.size())) != kScheme)
    return std::nullopt;
  auto bytes = base::from_base64(base::trim(authorization.substr(kScheme.size())));
  if (!bytes || bytes->empty()) return std::nullopt;
  const auto text = base::as_text(*bytes);
  const size_t colon = text.find(':');
  std::optional<Login> out;
  if (colon != std::string_view::npos && colon != 0)
    out = Login{std::string(text.substr(0, colon)), Secret(std::string(text.substr(colon + 1)))};
  if (!bytes->empty()) explicit_bzero(bytes->data(), bytes->size());
  return out;
}

// Of IPv6 the first half, which one machine may have whole.
std::string caller_of(const std::string& address) {
  std::array<std::byte, 16> bytes{};
  if (::inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) return address;
  return base::to_hex(std::span(bytes).first(8));
}

// Gives a place back at the end.
template <class Semaphore>
class Place {
 public:
  explicit Place(Semaphore& semaphore) : semaphore_(semaphore), taken_(semaphore.try_acquire()) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    if (taken_) semaphore_.release();
  }
  bool taken() const { return taken_; }

 private:
  Semaphore& semaphore_;
  const bool taken_;
};

}  // namespace

Logins::Logins(std::string path, Clock& clock, const trust::MacKey& key, trust::PasswordHash nobody)
    : path_(std::move(path)), clock_(clock), key_(key), nobody_(std::move(nobody)) {}

Result<std::unique_ptr<Logins>> Logins::make(std::string path, Clock& clock) {
  SEALIFT_ASSIGN(const auto key, trust::random_mac_key());
  SEALIFT_ASSIGN(auto nobody, trust::hash_password("", Secret(base::to_hex(key))));
  return std::unique_ptr<Logins>(new Logins(std::move(path), clock, key, std::move(nobody)));
}

Result<void> Logins::reload() {
  SEALIFT_ASSIGN(const auto text, base::read_text_file(path_, kMaxUsersFile));
  auto users = trust::parse_users_file(text);
  if (!users) return fail_while(std::move(users).error(), "reading " + path_);
  const std::lock_guard lock(mutex_);
  users_ = std::move(*users);
  ++version_;
  remembered_.clear();
  return {};
}

bool Logins::is_remembered(const Digest& login) {
  const std::lock_guard lock(mutex_);
  const auto found = remembered_.find(login);
  if (found == remembered_.end()) return false;
  if (clock_.monotonic() < found->second) return true;
  remembered_.erase(found);
  return false;
}

// What was right for users that have been replaced meanwhile is not remembered.
void Logins::remember(const Digest& login, uint64_t version) {
  const std::lock_guard lock(mutex_);
  if (version != version_) return;
  if (remembered_.size() >= kMostRemembered)
    remembered_.erase(std::ranges::min_element(remembered_, {}, [](const auto& one) { return one.second; }));
  remembered_[login] = clock_.monotonic() + kRemembered;
}

bool Logins::take_try(const std::string& caller) {
  const std::lock_guard lock(mutex_);
  const Duration now = clock_.monotonic();
  std::erase_if(callers_, [&](const auto& one) { return now - one.second.since >= kForgiven * one.second.wrong; });
  if (callers_.size() >= kMostCallers && !callers_.contains(caller)) return false;
  const auto [found, is_new] = callers_.try_emplace(caller, Bucket{0, now});
  auto& bucket = found->second;
  const auto forgiven = static_cast<unsigned>((now - bucket.since) / kForgiven);
  bucket.wrong -= std::min(bucket.wrong, forgiven);
  bucket.since += kForgiven * forgiven;
  if (bucket.wrong >= kWrong) return false;
  ++bucket.wrong;
  return true;
}

void Logins::give_back_try(const std::string& caller) {
  const std::lock_guard lock(mutex_);
  const auto found = callers_.find(caller);
  if (found != callers_.end() && found->second.wrong != 0) --found->second.wrong;
}

// With the users' version.
std::pair<trust::PasswordHash, uint64_t> Logins::find(const std::string& user) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(users_, user, &trust::PasswordHash::user);
  return {found == users_.end() ? nobody_ : *found, version_};
}

Logins::Verdict Logins::check(std::string_view authorization, const std::string& address) {
  const auto login = parse_login(authorization);
  if (!login) return Verdict::wrong;
  const auto known_by = trust::mac_of(key_, authorization);
  if (!known_by) return Verdict::later;
  if (is_remembered(*known_by)) return Verdict::good;
  const Place place(waiting_);
  const auto caller = caller_of(address);
  if (!place.taken() || !take_try(caller)) return Verdict::later;
  const std::lock_guard one_at_a_time(hashing_);
  if (!is_remembered(*known_by)) {  // by one that came just before
    const auto [kept, version] = find(login->user);
    if (!trust::is_password(kept, login->password) || kept.user != login->user) return Verdict::wrong;
    remember(*known_by, version);
  }
  give_back_try(caller);
  return Verdict::good;
}

}  // namespace sealift::node
