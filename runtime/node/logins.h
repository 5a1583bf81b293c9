// SPDX-License-Identifier: Apache-2.0
//
// Who may read at the people's door: checks HTTP's Basic authentication (RFC 7617) against a users file
// (payload/trust/password_hash.h). A check is slow on purpose, so a login that was right is remembered for a while: an
// image has dozens of requests. Nothing that a stranger sends is kept or printed.
//
// Guessing costs the guesser and nobody else: a caller has a few wrong logins, and then one every few seconds;
// passwords are hashed one at a time, and few may wait for it. An unknown user takes as long as a wrong password.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "payload/base/clock.h"
#include "payload/base/error.h"
#include "payload/trust/password_hash.h"

namespace sealift::node {

class Logins {
 public:
  static constexpr Duration kRemembered{300'000};
  static constexpr size_t kMostRemembered = 256;
  // Wrong logins of one caller: so many at once, and then one in each `kForgiven`.
  static constexpr unsigned kWrong = 10;
  static constexpr Duration kForgiven{5'000};
  static constexpr size_t kMostCallers = 4096;
  // Requests whose password is being hashed, or waits for it.
  static constexpr std::ptrdiff_t kMostWaiting = 16;

  // Nobody may log in before the first reload(). `clock` must outlive it.
  static Result<std::unique_ptr<Logins>> make(std::string path, Clock& clock);

  // Reads the users file; what is remembered is forgotten. Errors: it can't be read, and the present users stay.
  Result<void> reload();

  enum class Verdict : uint8_t {
    good,
    wrong,  // or none
    later,  // too many wrong ones, or too many at once
  };
  // `authorization`: the header's value; empty if there is none. `address`: the caller's. Any thread; waits.
  Verdict check(std::string_view authorization, const std::string& address);

 private:
  // Gives back what it took, if the login is right.
  struct Bucket {
    unsigned wrong = 0;
    Duration since{};  // monotonic: from when on one is forgiven in each kForgiven
  };
  Logins(std::string path, Clock& clock, const trust::MacKey& key, trust::PasswordHash nobody);
  bool is_remembered(const Digest& login);
  bool take_try(const std::string& caller);
  void give_back_try(const std::string& caller);
  void remember(const Digest& login, uint64_t version);
  std::pair<trust::PasswordHash, uint64_t> find(const std::string& user);

  const std::string path_;
  Clock& clock_;
  const trust::MacKey key_;
  const trust::PasswordHash nobody_;  // whom an unknown user is compared with
  std::counting_semaphore<kMostWaiting> waiting_{kMostWaiting};
  std::mutex hashing_;

  std::mutex mutex_;  // of what follows
  std::vector<trust::PasswordHash> users_;
  uint64_t version_ = 0;                   // of users_
  std::map<Digest, Duration> remembered_;  // until when
  std::map<std::string, Bucket> callers_;
};

}  // namespace sealift::node
