// SPDX-License-Identifier: Apache-2.0
#include "packer/sources/image_store.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "packer/sources/stored_images.h"
#include "payload/base/fd.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::sources {
namespace {

class Exported final : public ImageSource {
 public:
  explicit Exported(std::unique_ptr<ImageStore> store) : store_(std::move(store)) {}

  std::string place_of(const image::Reference&) const override { return store_->place(); }

  Result<ManifestBytes> resolve(const image::Reference& reference, std::span<const Architecture> hosts,
                                const CancelToken& cancel) override {
    SEALIFT_ASSIGN(auto* images, exported(reference, hosts, cancel));
    return images->resolve(reference, hosts, cancel);
  }
  Result<ManifestBytes> manifest(const image::Reference& reference, const image::Descriptor& descriptor,
                                 const CancelToken& cancel) override {
    SEALIFT_ASSIGN(auto* images, exported(reference, {}, cancel));
    return images->manifest(reference, descriptor, cancel);
  }
  Result<void> blob(const image::Reference& reference, const image::Descriptor& descriptor, uint64_t begin,
                    base::Sink& sink, const CancelToken& cancel) override {
    SEALIFT_ASSIGN(auto* images, exported(reference, {}, cancel));
    return images->blob(reference, descriptor, begin, sink, cancel);
  }
  Result<std::optional<ManifestBytes>> referrers(const image::Reference& reference, const Digest& subject,
                                                 const CancelToken& cancel) override {
    SEALIFT_ASSIGN(auto* images, exported(reference, {}, cancel));
    return images->referrers(reference, subject, cancel);
  }

 private:
  // resolve() comes first, with the hosts.
  Result<ImageSource*> exported(const image::Reference& reference, std::span<const Architecture> hosts,
                                const CancelToken& cancel) {
    const std::lock_guard guard(mutex_);  // a store is not faster for several at once
    auto& out = images_[reference.text()];
    if (out) return out.get();
    const auto folder = temporary_folder();
    SEALIFT_ASSIGN(auto fd, base::unnamed_file(folder));
    base::FdSink sink(fd.get());
    auto saved = store_->save(reference, hosts, sink, cancel);
    if (!saved)
      return fail_while(std::move(saved).error(),
                        base::format("exporting {} from {} into {}", reference.text(), store_->place(), folder));
    SEALIFT_ASSIGN(auto file, base::OpenFile::adopt(std::move(fd), store_->place()));
    SEALIFT_ASSIGN(auto archive, stored_archive(std::move(file), store_->place()));
    SEALIFT_ASSIGN(out, open_stored_images(std::move(archive), Names::any));
    return out.get();
  }

  std::unique_ptr<ImageStore> store_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<ImageSource>> images_;  // by reference; under the mutex
};

}  // namespace

std::unique_ptr<ImageSource> stored_by(std::unique_ptr<ImageStore> store) {
  return std::make_unique<Exported>(std::move(store));
}

std::unexpected<Error> no_such_image(const image::Reference& reference, const std::string& place,
                                     std::vector<std::string> names) {
  constexpr size_t kShown = 8;
  std::ranges::sort(names);
  const auto near = base::nearest(reference.text(), std::vector<std::string_view>(names.begin(), names.end()));
  if (near) std::ranges::rotate(names.begin(), std::ranges::find(names, *near), std::ranges::find(names, *near) + 1);
  const size_t more = names.size() - std::min(names.size(), kShown);
  names.resize(names.size() - more);
  for (auto& name : names) name = base::printable(name);
  return fail(ErrorCode::not_found, "{} has no {}; it has {}{}", place, reference.text(),
              names.empty() ? "none at all" : base::join(names, ", "),
              more == 0 ? "" : base::format(" and {} more", more));
}

}  // namespace sealift::sources
