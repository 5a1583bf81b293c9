// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/secret_files.h"

#include <cstring>

#include "payload/hash/digest.h"

namespace sealift::steps {
namespace {

constexpr size_t kMaxFile = size_t{64} << 10;

// Wiped at its end.
class Wiped {
 public:
  explicit Wiped(Bytes bytes) : bytes_(std::move(bytes)) {}
  Wiped(Wiped&&) = delete;
  ~Wiped() { explicit_bzero(bytes_.data(), bytes_.size()); }
  ByteView bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

}  // namespace

Result<void> bring_files(host::HostView& from, const std::string& from_name, host::Host& to,
                         std::span<const SecretFile> files, const host::Reason& reason) {
  for (const auto& file : files) {
    SEALIFT_ASSIGN(auto read, from.read(file.path, kMaxFile));
    if (!read) return fail(ErrorCode::not_found, "{} is missing on {}", file.path, from_name);
    const Wiped content(std::move(*read));
    // A file that is replaced would be kept in the ledger.
    SEALIFT_ASSIGN(const auto there, to.digest(file.path));
    if (there && *there == hash::sha256(content.bytes())) continue;
    SEALIFT_TRY(to.make_directory(file.path.substr(0, file.path.rfind('/')), {0755, 0, 0}, reason));
    base::MemorySource source(content.bytes());
    SEALIFT_TRY(to.write_atomic(file.path, {file.mode, 0, 0}, source, reason));
  }
  return {};
}

}  // namespace sealift::steps
