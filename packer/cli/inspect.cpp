// SPDX-License-Identifier: Apache-2.0
#include "packer/cli/inspect.h"

#include "packer/cli/images.h"
#include "packer/cli/opened_payload.h"
#include "packer/cli/sizes.h"
#include "packer/lock/lock.h"
#include "packer/sbom/attachments.h"
#include "packer/sbom/documents.h"
#include "payload/base/count.h"
#include "payload/base/fd.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/format/references.h"
#include "payload/json/value.h"
#include "payload/writer/output_file.h"

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#include <CLI/CLI.hpp>
#pragma clang diagnostic pop

namespace sealift::packer_cli {
namespace {

constexpr size_t kLargest = 10;  // layers that are shown

uint64_t bytes_of(const format::Image& image) {
  uint64_t out = 0;
  static_cast<void>(format::for_each_reference(image, [&](const format::Reference& reference) -> Result<void> {
    out += reference.object.size;
    return {};
  }));
  return out;
}

std::string describe(const format::PayloadReader& reader) {
  const auto& contents = reader.contents();
  std::string out =
      base::format("name        {}\nversion     {}\nidentity    {}\npayload     {}\ncreated by  {}\n",
                   contents.name.empty() ? "-" : base::printable(contents.name),
                   contents.version.empty() ? "-" : base::printable(contents.version), reader.identity().hex(),
                   base::human_bytes(reader.payload_size()), base::printable(contents.created_by));
  std::string platforms;
  for (const auto& stub : contents.stubs)
    platforms += (platforms.empty() ? "" : ", ") + std::string(base::platform(stub.architecture));
  out += base::format("platforms   {}\nbase        {}\nlaunch      {}\n", platforms.empty() ? "-" : platforms,
                      contents.base_document ? "yes" : "no",
                      contents.launch.empty() ? "-" : base::join(contents.launch, ", "));
  for (const auto& requirement : contents.requirements)
    out += base::format("requires    {}\n", base::printable(requirement.text()));
  for (const auto& [name, value] : contents.labels)
    out += base::format("label       {}={}\n", base::printable(name), base::printable(value));
  out += base::format("\n{}\n", base::counted(contents.apps.size(), "application", "applications"));
  const auto sizes = sizes_by_app(contents);
  for (size_t i = 0; i < contents.apps.size(); ++i) {
    const auto& app = contents.apps[i];
    out += base::format("  {:<20} {:<10} {:<10} {:>9} own, {:>9} shared{}{}\n", app.name, format::name(app.kind),
                        app.version.empty() ? "-" : base::printable(app.version), base::human_bytes(sizes[i].own),
                        base::human_bytes(sizes[i].shared), app.is_network ? " (network)" : "",
                        app.needs.empty() ? "" : " needs " + base::join(app.needs, ", "));
  }
  out += base::format("  {:<42} {:>9} own, {:>9} shared\n", "everything else", base::human_bytes(sizes.back().own),
                      base::human_bytes(sizes.back().shared));
  out += base::format("\n{}\n", base::counted(contents.images.size(), "image", "images"));
  for (const auto& image : contents.images)
    out += base::format("  {:<60} {:>9}  {}\n", image.name, base::human_bytes(bytes_of(image)),
                        image.root.digest.text().substr(0, 19));
  if (const auto layers = largest_layers(contents, kLargest); !layers.empty()) {
    out += "\nlargest layers\n";
    for (const auto& [layer, images] : layers)
      out += base::format("  {:>9}  {}  {}\n", base::human_bytes(layer.size), layer.digest.text().substr(0, 19),
                          base::join(images, ", "));
  }
  out += base::format("\n{} in the tree, {} for hosts\n", base::counted(contents.tree.size(), "file", "files"),
                      contents.host_files.size());
  return out;
}

std::string tree_of(const format::Contents& contents) {
  std::string out;
  for (const auto& [path, file] : contents.tree)
    out += base::format("{:04o} {:>12} {}\n", file.mode, file.object.size, base::printable(path));
  return out;
}

Result<std::string> lock_of(const format::PayloadReader& reader, const std::string& file) {
  const auto& tree = reader.contents().tree;
  const auto found = tree.find(std::string(lock::kTreePath));
  if (found == tree.end())
    return fail(ErrorCode::not_in_artifact, "{} carries no lock: nothing in it came from elsewhere", file);
  SEALIFT_ASSIGN(const auto bytes, reader.read_all(found->second.object.digest, size_t{16} << 20));
  return std::string(base::as_text(bytes));
}

Result<std::string> sbom_of(const format::PayloadReader& reader, const std::string& format) {
  SEALIFT_ASSIGN(const auto created, sbom::created_by_environment());
  SEALIFT_ASSIGN(const auto bill, sbom::bill_of(reader));
  return format == "spdx" ? sbom::to_spdx(bill, created) : sbom::to_cyclonedx(bill, created);
}

Result<std::string> attachments_of(const format::PayloadReader& reader, bool json) {
  SEALIFT_ASSIGN(const auto found, sbom::attachments_of(reader));
  std::string out;
  json::Value list = json::Value::array();
  for (const auto& one : found.all) {
    out += base::format("{}\n    {}, {}, {}, {}\n", one.of, one.kind, base::printable(one.media_type),
                        base::human_bytes(one.document.size), one.document.digest.text());
    json::Value entry = json::Value::object();
    entry.set("image", one.of);
    entry.set("name", one.name);
    entry.set("kind", one.kind);
    entry.set("mediaType", one.media_type);
    entry.set("digest", one.document.digest.text());
    entry.set("size", one.document.size);
    list.push_back(std::move(entry));
  }
  if (json) return json::to_canonical(list) + "\n";
  return out.empty() ? "nothing came along with its images; `sealift build --referrers` packs what there is\n" : out;
}

// The only object whose digest begins so.
Result<Digest> object_named(const format::PayloadReader& reader, std::string_view text) {
  constexpr size_t kFewest = 6;  // as for the local store's artifacts
  if (text.starts_with("sha256:")) text.remove_prefix(7);
  std::vector<Digest> found;
  for (const auto& object : reader.objects()) {
    if (text.size() >= kFewest && object.digest.hex().starts_with(text)) found.push_back(object.digest);
  }
  if (found.size() == 1) return found.front();
  if (text.size() < kFewest) return fail(ErrorCode::usage, "--extract takes at least {} digits of a digest", kFewest);
  return fail(found.empty() ? ErrorCode::not_in_artifact : ErrorCode::usage,
              "{} of the artifact's objects begin with {}", found.empty() ? "none" : "several", base::printable(text));
}

Result<std::string> extract(const format::PayloadReader& reader, const InspectArguments& arguments) {
  if (arguments.output.empty()) return fail(ErrorCode::usage, "--extract writes a file: name it with -o");
  SEALIFT_ASSIGN(const Digest digest, object_named(reader, arguments.extract));
  SEALIFT_ASSIGN(auto output, writer::OutputFile::create(arguments.output));
  base::FdSink sink(output.fd());
  SEALIFT_TRY(reader.read(digest, {}, sink));
  SEALIFT_TRY(output.commit(0644));
  return base::format("{}: {}, {}\n", arguments.output, base::human_bytes(reader.find(digest)->size), digest.text());
}

}  // namespace

void define_inspect_details(CLI::App& command, InspectArguments& arguments) {
  command.add_option("--sbom", arguments.sbom, "its bill of materials: SPDX 2.3 or CycloneDX 1.6")
      ->check(CLI::IsMember({"spdx", "cyclonedx"}));
  command.add_flag("--attachments", arguments.attachments,
                   "signatures, bills of materials and attestations that came along with its images");
  auto* extract =
      command.add_option("--extract", arguments.extract, "write one of its objects, by digest or first digits");
  command.add_option("-o,--output", arguments.output, "the file that --extract writes")->needs(extract);
}

Result<std::string> inspect_artifact(const InspectArguments& arguments) {
  SEALIFT_ASSIGN(const auto payload, open_payload(arguments.file));
  const auto& contents = payload.reader->contents();
  if (arguments.images) return to_text(image_reasons(contents), true);
  if (arguments.tree) return tree_of(contents);
  if (arguments.lock) return lock_of(*payload.reader, arguments.file);
  if (!arguments.sbom.empty()) return sbom_of(*payload.reader, arguments.sbom);
  if (arguments.attachments) return attachments_of(*payload.reader, arguments.json);
  if (!arguments.extract.empty()) return extract(*payload.reader, arguments);
  return arguments.json ? format::to_json(contents) + "\n" : describe(*payload.reader);
}

}  // namespace sealift::packer_cli
