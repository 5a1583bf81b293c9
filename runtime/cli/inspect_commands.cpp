// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/inspect_commands.h"

#include <algorithm>
#include <set>
#include <thread>

#include "payload/base/clock.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/json/value.h"

namespace sealift::cli {
namespace {

using format::Contents;
using format::Image;

std::string platforms_of(const Contents& contents) {
  std::set<std::string> names;
  for (const auto& stub : contents.stubs) names.insert(std::string(base::platform(stub.architecture)));
  for (const Image& image : contents.images) {
    for (const auto& platform : image.platforms) names.insert(std::string(base::platform(platform.architecture)));
  }
  std::vector<std::string> list(names.begin(), names.end());
  return list.empty() ? "none" : base::join(list, ", ");
}

std::string platforms_of(const Image& image) {
  std::vector<std::string> list;
  for (const auto& platform : image.platforms) list.emplace_back(base::name(platform.architecture));
  return base::join(list, ",");
}

// The image's size in a registry: each blob once.
uint64_t bytes_of(const Image& image) {
  std::map<Digest, uint64_t> blobs{{image.root.digest, image.root.size}};
  for (const auto& inner : image.inner_indexes) blobs[inner.object.digest] = inner.object.size;
  for (const auto& platform : image.platforms) {
    blobs[platform.manifest.digest] = platform.manifest.size;
    blobs[platform.config.digest] = platform.config.size;
    for (const auto& layer : platform.layers) blobs[layer.digest] = layer.size;
  }
  uint64_t sum = 0;
  for (const auto& [digest, size] : blobs) sum += size;
  return sum;
}

// The packed Kubernetes version without reading base.yaml: the tag of its API server.
std::string kubernetes_of(const Contents& contents) {
  for (const Image& image : contents.images) {
    size_t at = image.name.find("/kube-apiserver:");
    if (at != std::string::npos) return image.name.substr(image.name.find(':', at) + 1);
  }
  return {};
}

json::Value info_value(const Artifact& artifact) {
  const auto& reader = *artifact.reader;
  const Contents& contents = reader.contents();
  json::Value out = json::Value::object();
  out.set("name", contents.name);
  out.set("version", contents.version);
  out.set("identity", reader.identity().text());
  out.set("createdBy", contents.created_by);
  out.set("platforms", platforms_of(contents));
  out.set("kubernetes", kubernetes_of(contents));
  json::Value required = json::Value::array();
  for (const auto& requirement : contents.requirements) required.push_back(requirement.text());
  out.set("requires", std::move(required));
  out.set("payloadBytes", reader.payload_size());
  out.set("images", static_cast<uint64_t>(contents.images.size()));
  out.set("files", static_cast<uint64_t>(contents.tree.size()));
  json::Value apps = json::Value::array();
  for (const auto& app : contents.apps) apps.push_back(app.name);
  out.set("apps", std::move(apps));
  json::Value labels = json::Value::object();
  for (const auto& [key, value] : contents.labels) labels.set(key, value);
  out.set("labels", std::move(labels));
  return out;
}

size_t widest(const auto& items, auto text_of) {
  size_t out = 0;
  for (const auto& item : items) out = std::max(out, std::string_view(text_of(item)).size());
  return out;
}

}  // namespace

void print_info(const Artifact& artifact, bool json, console::Output out) {
  if (json) return out.json_line(json::to_canonical(info_value(artifact)));
  const auto& reader = *artifact.reader;
  const Contents& contents = reader.contents();
  std::vector<std::string> apps;
  for (const auto& app : contents.apps) apps.push_back(app.is_network ? app.name + " (network)" : app.name);
  out.line(reader.artifact_name());
  out.line(base::format("  identity    {}", reader.identity().text()));
  out.line(base::format("  made by     {}", base::printable(contents.created_by)));
  out.line(base::format("  size        {} payload", base::human_bytes(reader.payload_size())));
  out.line(base::format("  platforms   {}", platforms_of(contents)));
  if (auto version = kubernetes_of(contents); !version.empty()) out.line(base::format("  Kubernetes  {}", version));
  for (const auto& requirement : contents.requirements)
    out.line(base::format("  requires    {}", base::printable(requirement.text())));
  out.line(base::format("  apps        {}", apps.empty() ? "none" : base::join(apps, ", ")));
  if (!contents.launch.empty()) out.line(base::format("  launches    {}", base::join(contents.launch, ", ")));
  out.line(base::format("  images      {}", contents.images.size()));
  out.line(
      base::format("  files       {} in the tree, {} for hosts", contents.tree.size(), contents.host_files.size()));
  for (const auto& [key, value] : contents.labels)
    out.line(base::format("  label       {}={}", base::printable(key), base::printable(value)));
}

void print_list(const Artifact& artifact, bool json, console::Output out) {
  const Contents& contents = artifact.reader->contents();
  if (json) return out.json_line(format::to_json(contents));
  std::string text;  // written at once: there may be thousands of lines
  const auto line = [&](const std::string& written) { text += base::printable(written, SIZE_MAX) + "\n"; };
  line(base::format("applications ({})", contents.apps.size()));
  size_t width = widest(contents.apps, [](const auto& app) { return app.name; });
  for (const auto& app : contents.apps) {
    std::string about = base::format("  {:<{}}  {}", app.name, width, format::name(app.kind));
    if (!app.version.empty()) about += " " + app.version;
    if (app.is_network) about += ", network";
    if (!app.needs.empty()) about += ", needs " + base::join(app.needs, ", ");
    line(about);
  }
  line(base::format("images ({})", contents.images.size()));
  width = widest(contents.images, [](const auto& image) { return image.name; });
  for (const Image& image : contents.images) {
    line(base::format("  {:<{}}  {:>9}  {}", image.name, width, base::human_bytes(bytes_of(image)),
                      platforms_of(image)));
  }
  line(base::format("files for hosts ({})", contents.host_files.size()));
  width = widest(contents.host_files, [](const auto& file) { return file.destination; });
  for (const auto& file : contents.host_files) {
    line(base::format("  {:<{}}  {:04o}  {}{}  from {}", file.destination, width, file.mode, format::name(file.role),
                      file.architecture ? ", " + std::string(base::name(*file.architecture)) : "", file.source));
  }
  line(base::format("files ({})", contents.tree.size()));
  width = 0;
  for (const auto& [path, file] : contents.tree) width = std::max(width, path.size());
  for (const auto& [path, file] : contents.tree) {
    line(base::format("  {:<{}}  {:>9}  {:04o}", path, width, base::human_bytes(file.object.size), file.mode));
  }
  out.write(text);
}

Result<void> verify_artifact(const Artifact& artifact, bool json, console::Output out, console::Output progress,
                             const CancelToken& cancel) {
  unsigned threads = std::clamp(std::thread::hardware_concurrency(), 1U, 64U);
  bool live = progress.is_terminal() && !json;
  Clock& clock = base::system_clock();
  Duration last{};
  auto show = [&](format::VerifyProgress state) {
    Duration now = clock.monotonic();
    if (!live || (now - last < Duration{200} && state.done != state.total)) return;
    last = now;
    progress.write(base::format("\r\033[K{} of {}", base::human_bytes(state.done), base::human_bytes(state.total)));
  };
  auto damages = artifact.reader->verify(threads, show, cancel);
  if (live) progress.write("\r\033[K");
  if (!damages) return std::unexpected(std::move(damages).error());
  for (const auto& damage : *damages) {
    if (json) {
      json::Value line = json::Value::object();
      line.set("where", damage.where);
      line.set("offset", static_cast<uint64_t>(damage.offset));
      line.set("code", base::name(damage.error.code));
      line.set("message", damage.error.text());
      out.json_line(json::to_canonical(line));
    } else {
      out.line(base::format("damaged: {} at offset {}: {}", damage.where, damage.offset, damage.error.text()));
    }
  }
  if (!damages->empty()) {
    return fail(ErrorCode::corrupt, "{}: {} damaged {}; copy the file again from where it came", artifact.path,
                damages->size(), damages->size() == 1 ? "place" : "places");
  }
  if (json) {
    out.json_line(R"({"sound":true})");
  } else {
    out.line(base::format("{}: sound, {} checked", artifact.reader->artifact_name(),
                          base::human_bytes(artifact.reader->file().size())));
  }
  return {};
}

}  // namespace sealift::cli
