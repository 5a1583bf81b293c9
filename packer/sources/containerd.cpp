// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "packer/sources/image_store.h"
#include "payload/base/format.h"
#include "payload/base/process.h"
#include "payload/base/text.h"

namespace sealift::sources {
namespace {

constexpr std::string_view kDefaultAddress = "/run/containerd/containerd.sock";

bool is_program(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

Result<std::string> find_ctr(const std::string& tools) {
  if (!tools.empty() && is_program(tools + "/ctr")) return tools + "/ctr";
  const char* path = std::getenv("PATH");
  for (const auto folder : base::split(path == nullptr ? base::kChildPath : path, ':')) {
    const auto program = std::string(folder) + "/ctr";
    if (folder.starts_with('/') && is_program(program)) return program;
  }
  return fail(
      ErrorCode::not_found,
      "--from=containerd: needs ctr, which comes with containerd; it is neither in the folder of --tools nor in PATH");
}

class Containerd final : public ImageStore {
 public:
  Containerd(std::string ctr, std::string name_space, std::string address)
      : ctr_(std::move(ctr)),
        name_space_(std::move(name_space)),
        address_(std::move(address)),
        place_(base::format("containerd at {}, namespace {}", address_, name_space_)) {}
  const std::string& place() const override { return place_; }

  Result<void> save(const image::Reference& reference, std::span<const Architecture> hosts, base::Sink& sink,
                    const CancelToken& cancel) override {
    SEALIFT_TRY(check_access());
    SEALIFT_ASSIGN(const auto names, list(cancel));
    if (!std::ranges::contains(names, reference.text())) return no_such_image(reference, place_, names);
    std::vector<std::string> words{"images", "export"};
    // Otherwise ctr 2 writes its progress between the archive's bytes, both to its output.
    SEALIFT_ASSIGN(const auto help, ask({"images", "export", "--help"}, cancel));
    if (help.contains("--local")) words.emplace_back("--local");
    for (const auto host : hosts) {
      words.emplace_back("--platform");
      words.emplace_back(base::platform(host));
    }
    words.insert(words.end(), {"-", reference.text()});
    Result<void> written;
    CancelSource stop(cancel);
    const base::CommandIo io{.on_output = [&](ByteView data) {
      if (written) written = sink.write(data);
      if (!written) stop.cancel();
    }};
    const auto command = command_of(std::move(words));
    auto done = base::run_checked(command, io, stop.token());
    SEALIFT_TRY(written);
    if (!done) return std::unexpected(std::move(done).error());
    return {};
  }

 private:
  Result<void> check_access() const {
    if (::access(address_.c_str(), F_OK) != 0)
      return fail(ErrorCode::unreachable,
                  "{} does not answer: there is no such socket; start it, or name its socket in the environment: "
                  "CONTAINERD_ADDRESS=SOCKET",
                  place_);
    if (::access(address_.c_str(), R_OK | W_OK) != 0)
      return fail(ErrorCode::permission_denied, "{} may not be used by this user; run this as root", place_);
    return {};
  }

  base::Command command_of(std::vector<std::string> words) const {
    base::Command out;
    out.argv = {ctr_, "--address", address_, "--namespace", name_space_};
    out.argv.insert(out.argv.end(), words.begin(), words.end());
    return out;
  }

  Result<std::string> ask(std::vector<std::string> words, const CancelToken& cancel) const {
    auto command = command_of(std::move(words));
    command.timeout = Duration{60'000};
    auto text = base::run_checked(command, {}, cancel);
    if (!text) return fail_while(text.error(), "asking " + place_ + " for its images");
    return text;
  }

  Result<std::vector<std::string>> list(const CancelToken& cancel) const {
    SEALIFT_ASSIGN(const auto text, ask({"images", "ls", "--quiet"}, cancel));
    std::vector<std::string> out;
    for (const auto line : base::split(text, '\n')) {
      if (!line.empty()) out.emplace_back(line);
    }
    return out;
  }

  std::string ctr_, name_space_, address_, place_;
};

}  // namespace

Result<std::unique_ptr<ImageStore>> containerd(const std::string& name_space, const std::string& tools) {
  SEALIFT_ASSIGN(auto ctr, find_ctr(tools));
  const char* named = std::getenv("CONTAINERD_ADDRESS");
  std::string address(named == nullptr || *named == '\0' ? kDefaultAddress : named);
  if (address.starts_with("unix://")) address.erase(0, 7);
  return std::make_unique<Containerd>(std::move(ctr), name_space, std::move(address));
}

}  // namespace sealift::sources
