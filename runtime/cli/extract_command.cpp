// SPDX-License-Identifier: Apache-2.0
//
// Extracts files and images from the artifact. Images go into one OCI layout (image-spec v1.1, image-layout.md) under
// their full names, ready for skopeo, ctr and `sealift build` (IMAGE --from=oci:…).
#include <algorithm>
#include <set>

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "payload/format/references.h"
#include "payload/json/value.h"
#include "runtime/cli/inspect_commands.h"
#include "runtime/cli/output_folder.h"

namespace sealift::cli {
namespace {

using format::Contents;
using format::Image;

class Extraction {
 public:
  Extraction(const Artifact& artifact, OutputFolder& folder, Overwrite overwrite, const CancelToken& cancel)
      : reader_(*artifact.reader), folder_(folder), overwrite_(overwrite), cancel_(cancel) {}

  Result<void> file(const std::string& path, const format::TreeFile& file) {
    SEALIFT_TRY(object("files/" + path, file.mode, file.object, overwrite_));
    ++files;
    return {};
  }

  Result<void> image(const Image& image) {
    SEALIFT_TRY(blob(image.root));
    for (const auto& inner : image.inner_indexes) SEALIFT_TRY(blob(inner.object));
    for (const auto& platform : image.platforms) {
      SEALIFT_TRY(blob(platform.manifest));
      SEALIFT_TRY(blob(platform.config));
      for (const auto& layer : platform.layers) SEALIFT_TRY(blob(layer));
    }
    json::Value descriptor = json::Value::object();
    descriptor.set("mediaType", image.media_type);
    descriptor.set("digest", image.root.digest.text());
    descriptor.set("size", image.root.size);
    json::Value annotations = json::Value::object();
    annotations.set("org.opencontainers.image.ref.name", image.name);
    annotations.set("io.containerd.image.name", image.name);
    descriptor.set("annotations", std::move(annotations));
    manifests_.push_back(std::move(descriptor));
    ++images;
    return {};
  }

  Result<void> finish_layout() {
    if (images == 0) return {};
    json::Value index = json::Value::object();
    index.set("schemaVersion", 2);
    index.set("mediaType", "application/vnd.oci.image.index.v1+json");
    index.set("manifests", std::move(manifests_));
    SEALIFT_TRY(text("images/oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
    return text("images/index.json", json::to_canonical(index));
  }

  size_t files = 0, images = 0;
  uint64_t bytes = 0;

 private:
  Result<void> text(const std::string& name, const std::string& content) {
    return folder_.write(name, 0644, overwrite_, [&](base::Sink& sink) { return sink.write(base::as_bytes(content)); });
  }

  // Blobs are named by content: one shared by several images is written once.
  Result<void> blob(const format::ObjectRef& ref) {
    if (!blobs_.insert(ref.digest).second) return {};
    return object("images/blobs/sha256/" + ref.digest.hex(), 0644, ref, overwrite_);
  }

  Result<void> object(const std::string& name, unsigned mode, const format::ObjectRef& ref, Overwrite overwrite) {
    SEALIFT_TRY(cancel_.check());
    auto written = folder_.write(name, mode, overwrite, [&](base::Sink& sink) -> Result<void> {
      base::FunctionSink watching([&](ByteView data) -> Result<void> {
        SEALIFT_TRY(cancel_.check());
        return sink.write(data);
      });
      return reader_.read(ref.digest, {}, watching);
    });
    if (!written) return fail_while(std::move(written).error(), "extracting " + name);
    bytes += ref.size;
    return {};
  }

  const format::PayloadReader& reader_;
  OutputFolder& folder_;
  Overwrite overwrite_;
  const CancelToken& cancel_;
  json::Value manifests_ = json::Value::array();
  std::set<Digest> blobs_;
};

Result<std::vector<std::string>> selected_files(const Contents& contents, const std::vector<std::string>& paths) {
  std::vector<std::string> out;
  for (const std::string& wanted : paths) {
    SEALIFT_ASSIGN(std::string clean, base::clean_relative_path(wanted));
    size_t before = out.size();
    for (const auto& [path, file] : contents.tree) {
      if (path == clean || clean.empty() || path.starts_with(clean + "/")) out.push_back(path);
    }
    if (out.size() == before && !clean.empty()) {
      return fail(ErrorCode::not_in_artifact, "{}: no such file or folder in the artifact; the command list names all",
                  base::printable(wanted));
    }
  }
  std::ranges::sort(out);
  auto doubled = std::ranges::unique(out);
  out.erase(doubled.begin(), doubled.end());
  return out;
}

// As many bytes as are written; of a sum that no number holds, the largest.
uint64_t bytes_of(const Contents& contents, const std::vector<std::string>& files,
                  const std::vector<const Image*>& images) {
  uint64_t sum = 0;
  std::set<Digest> blobs;
  const auto add = [&](const format::ObjectRef& object) { sum += std::min(object.size, UINT64_MAX - sum); };
  for (const auto& path : files) add(contents.tree.at(path).object);
  for (const auto* image : images) {
    static_cast<void>(format::for_each_reference(*image, [&](const format::Reference& part) -> Result<void> {
      if (blobs.insert(part.object.digest).second) add(part.object);
      return {};
    }));
  }
  return sum;
}

}  // namespace

Result<void> extract_artifact(const Artifact& artifact, const Arguments& arguments, console::Output out,
                              const CancelToken& cancel) {
  const Contents& contents = artifact.reader->contents();
  // Everything requested is looked up before anything is written.
  bool everything = arguments.paths.empty() && arguments.images.empty();
  SEALIFT_ASSIGN(auto files, selected_files(contents, everything ? std::vector<std::string>{""} : arguments.paths));
  std::vector<const Image*> images;
  if (everything) {
    for (const Image& image : contents.images) images.push_back(&image);
  }
  for (const std::string& name : arguments.images) {
    const Image* image = contents.find_image(name);
    if (image == nullptr) {
      return fail(ErrorCode::not_in_artifact,
                  "{}: not in {}; the command list names all images as they must be written", base::printable(name),
                  artifact.reader->artifact_name());
    }
    images.push_back(image);
  }
  SEALIFT_ASSIGN(OutputFolder folder, OutputFolder::open(arguments.to));
  SEALIFT_TRY(folder.has_room(bytes_of(contents, files, images)));
  Extraction extraction(artifact, folder, arguments.overwrite ? Overwrite::allow : Overwrite::refuse, cancel);
  for (const std::string& path : files) SEALIFT_TRY(extraction.file(path, contents.tree.at(path)));
  for (const Image* image : images) SEALIFT_TRY(extraction.image(*image));
  SEALIFT_TRY(extraction.finish_layout());
  out.line(base::format("{}: {}, {}, {}", arguments.to, base::counted(extraction.files, "file", "files"),
                        base::counted(extraction.images, "image", "images"), base::human_bytes(extraction.bytes)));
  return {};
}

}  // namespace sealift::cli
