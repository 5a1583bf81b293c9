// SPDX-License-Identifier: Apache-2.0
//
// Parses the contents document (FORMAT.md, section 6): entry by entry, then references.
#include <algorithm>
#include <array>
#include <functional>

#include "payload/base/format.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "payload/format/app_name.h"
#include "payload/format/contents.h"
#include "payload/format/contents_checks.h"
#include "payload/format/destination.h"
#include "payload/format/layout.h"
#include "payload/json/entries.h"

namespace sealift::format {
namespace {

constexpr size_t kMaxText = 64 << 10;               // of one string
constexpr size_t kMaxEntries = 1 << 19;             // of one list or map
constexpr uint64_t kMaxNumber = uint64_t{1} << 53;  // all JSON readers keep integers exactly up to here
constexpr uint64_t kMaxTreeMode = 0777;             // no set-id bits: unpacking grants no rights
constexpr uint64_t kMaxHostMode = 07777;            // FILE may ask for any mode; root writes these files
constexpr uint64_t kMaxId = UINT32_MAX - 1;         // (uid_t)-1 means "unchanged" to chown

// One JSON object and its name for error messages, which is built only for errors: contents may have many thousands of
// files, and the program waits for this when it starts.
class Fields {
 public:
  // The views and the value must outlive this.
  static Result<Fields> of(const json::Value& value, std::string_view kind, std::string_view name = {}) {
    const Fields fields(value, kind, name);
    if (!value.is_object()) return fail(ErrorCode::corrupt, "{} is not an object", fields.where());
    return fields;
  }

  std::string where() const {
    return base::printable(name_.empty() ? std::string(kind_) : base::format("{} {}", kind_, name_));
  }
  std::unexpected<Error> bad(std::string_view key, std::string_view why) const {
    return fail(ErrorCode::corrupt, "{}: \"{}\" {}", where(), key, why);
  }

  Result<void> read(std::string_view key, std::string& out) const {
    const json::Value* value = value_->find(key);
    if (value == nullptr) return {};
    if (!value->is_string()) return bad(key, "is not a text");
    if (value->string()->size() > kMaxText)
      return fail(ErrorCode::limit_exceeded, "{}: \"{}\" is too long", where(), key);
    out = *value->string();
    return {};
  }
  Result<void> read_name(std::string_view key, std::string& out) const {  // required and not empty
    SEALIFT_TRY(read(key, out));
    if (out.empty()) return bad(key, "is missing");
    return {};
  }
  Result<void> read(std::string_view key, bool& out) const {
    const json::Value* value = value_->find(key);
    if (value == nullptr) return {};
    const auto boolean = value->boolean();
    if (!boolean) return bad(key, "is neither true nor false");
    out = *boolean;
    return {};
  }
  template <std::unsigned_integral T>
  Result<void> read(std::string_view key, T& out, uint64_t limit) const {
    const json::Value* value = value_->find(key);
    if (value == nullptr) return {};
    const auto number = value->unsigned_integer();
    if (!number) return bad(key, "is not a natural number");
    if (*number > limit)
      return fail(ErrorCode::limit_exceeded, "{}: \"{}\" is {}, at most {} is allowed", where(), key, *number, limit);
    out = static_cast<T>(*number);
    return {};
  }
  Result<void> read(std::string_view key, Digest& out) const {
    const json::Value* value = value_->find(key);
    if (value == nullptr || !value->is_string()) return bad(key, "is missing or not a text");
    auto digest = Digest::parse(*value->string());
    if (!digest) return bad(key, "is not a digest");
    out = *digest;
    return {};
  }
  Result<void> read(std::string_view key, ObjectRef& out) const {
    const json::Value* value = value_->find(key);
    if (value == nullptr) return bad(key, "is missing");
    SEALIFT_ASSIGN(const auto fields, of(*value, key, name_.empty() ? kind_ : name_));
    return fields.read_reference(out);
  }
  Result<void> read_reference(ObjectRef& out) const {
    SEALIFT_TRY(read("digest", out.digest));
    return read("size", out.size, kMaxNumber);
  }
  Result<void> read(std::string_view key, Architecture& out) const {
    std::string text;
    SEALIFT_TRY(read_name(key, text));
    // Exactly as written by to_json: other spellings would give two texts for the same contents.
    for (const auto architecture : {Architecture::amd64, Architecture::arm64}) {
      if (text == base::name(architecture)) {
        out = architecture;
        return {};
      }
    }
    return fail(ErrorCode::unsupported_version, "{}: architecture \"{}\" is not known to this program", where(),
                base::printable(text));
  }
  Result<void> read(std::string_view key, std::vector<std::string>& out) const {
    return each_element(key, [&](const json::Value& value) -> Result<void> {
      if (!value.is_string() || value.string()->size() > kMaxText)
        return bad(key, "holds something that is not a text");
      out.push_back(*value.string());
      return {};
    });
  }

  bool has(std::string_view key) const { return value_->find(key) != nullptr; }

  Result<void> each_element(std::string_view key, const std::function<Result<void>(const json::Value&)>& visit) const {
    const json::Value* value = value_->find(key);
    if (value == nullptr) return {};
    if (!value->is_array()) return bad(key, "is not a list");
    if (value->elements()->size() > kMaxEntries)
      return fail(ErrorCode::limit_exceeded, "\"{}\" has too many entries", key);
    size_t number = 0;
    for (const auto& element : *value->elements()) {
      ++number;
      if (auto done = visit(element); !done)
        return fail_while(std::move(done).error(), base::format("reading entry {} of \"{}\"", number, key));
    }
    return {};
  }

 private:
  Fields(const json::Value& value, std::string_view kind, std::string_view name)
      : value_(&value), kind_(kind), name_(name) {}
  const json::Value* value_;
  std::string_view kind_;
  std::string_view name_;
};

Result<HostFile> parse_host_file(const json::Value& value) {
  HostFile file;
  SEALIFT_ASSIGN(const auto fields, Fields::of(value, "a host file"));
  if (fields.has("architecture")) {
    Architecture architecture{};
    SEALIFT_TRY(fields.read("architecture", architecture));
    file.architecture = architecture;
  }
  SEALIFT_TRY(fields.read_name("source", file.source));
  SEALIFT_TRY(fields.read_name("destination", file.destination));
  SEALIFT_TRY(fields.read("mode", file.mode, kMaxHostMode));
  SEALIFT_TRY(fields.read("uid", file.uid, kMaxId));
  SEALIFT_TRY(fields.read("gid", file.gid, kMaxId));
  SEALIFT_TRY(fields.read("template", file.is_template));
  std::string role(name(file.role));
  SEALIFT_TRY(fields.read("role", role));
  const auto known = parse_host_role(role);
  if (!known)
    return fail(ErrorCode::corrupt, "host file {}: unknown role \"{}\"", base::printable(file.destination),
                base::printable(role));
  file.role = *known;
  if (!base::safe_absolute_path(file.destination)) return fields.bad("destination", "is not a safe absolute path");
  if (const auto why = bad_destination(file.destination)) return fields.bad("destination", "can't be: " + *why);
  return file;
}

Result<ImageUse> parse_use(const json::Value& value) {
  ImageUse use;
  SEALIFT_ASSIGN(const auto fields, Fields::of(value, "a use"));
  SEALIFT_TRY(fields.read_name("image", use.image));
  SEALIFT_TRY(fields.read("file", use.file));
  SEALIFT_TRY(fields.read("object", use.object));
  SEALIFT_TRY(fields.read("path", use.path));
  SEALIFT_TRY(fields.read("foundBy", use.found_by));
  SEALIFT_TRY(fields.read("sets", use.sets));
  return use;
}

Result<App> parse_app(const json::Value& value) {
  App app;
  SEALIFT_ASSIGN(const auto fields, Fields::of(value, "an app"));
  SEALIFT_TRY(fields.read_name("name", app.name));
  std::string kind;
  SEALIFT_TRY(fields.read_name("kind", kind));
  if (kind == name(AppKind::helm))
    app.kind = AppKind::helm;
  else if (kind == name(AppKind::manifests))
    app.kind = AppKind::manifests;
  else
    return fail(ErrorCode::unsupported_version, "app {} is of kind \"{}\", which this program does not know",
                base::printable(app.name), base::printable(kind));
  SEALIFT_TRY(fields.read("network", app.is_network));
  SEALIFT_TRY(fields.read_name("root", app.root));
  SEALIFT_TRY(fields.read("needs", app.needs));
  SEALIFT_TRY(fields.read("version", app.version));
  SEALIFT_TRY(fields.read("namespace", app.target_namespace));
  SEALIFT_TRY(fields.read("release", app.release));
  SEALIFT_TRY(fields.read("partOf", app.part_of));
  SEALIFT_TRY(fields.read("values", app.values));
  SEALIFT_TRY(fields.each_element("uses", [&](const json::Value& element) -> Result<void> {
    SEALIFT_ASSIGN(auto use, parse_use(element));
    app.uses.push_back(std::move(use));
    return {};
  }));
  if (!is_app_name(app.name)) return fields.bad("name", base::format("can't be an app's: {}", kAppNames));
  if (!app.target_namespace.empty() && !is_app_name(app.target_namespace))
    return fields.bad("namespace", "is not a namespace");
  if (!app.release.empty() && !is_app_name(app.release)) return fields.bad("release", "is not the name of a release");
  if (!base::safe_relative_path(app.root)) return fields.bad("root", "is not a safe relative path");
  return app;
}

// Names of images become words of commands.
bool is_word(std::string_view name) {
  return name.front() != '-' && std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~'; });
}

Result<Image> parse_image(const json::Value& value) {
  Image image;
  SEALIFT_ASSIGN(const auto fields, Fields::of(value, "an image"));
  SEALIFT_TRY(fields.read_name("name", image.name));
  if (!is_word(image.name)) return fields.bad("name", "is not the name of an image");
  SEALIFT_TRY(fields.read("root", image.root));
  SEALIFT_TRY(fields.read("mediaType", image.media_type));
  SEALIFT_TRY(fields.read("reason", image.reason));
  SEALIFT_TRY(fields.each_element("innerIndexes", [&](const json::Value& element) -> Result<void> {
    Image::InnerIndex index;
    SEALIFT_ASSIGN(const auto inner, Fields::of(element, "an inner index of image", image.name));
    SEALIFT_TRY(inner.read("index", index.object));
    SEALIFT_TRY(inner.read("mediaType", index.media_type));
    image.inner_indexes.push_back(std::move(index));
    return {};
  }));
  SEALIFT_TRY(fields.each_element("platforms", [&](const json::Value& element) -> Result<void> {
    Image::Platform platform;
    SEALIFT_ASSIGN(const auto inner, Fields::of(element, "a platform of image", image.name));
    SEALIFT_TRY(inner.read("architecture", platform.architecture));
    SEALIFT_TRY(inner.read("manifest", platform.manifest));
    SEALIFT_TRY(inner.read("config", platform.config));
    SEALIFT_TRY(inner.read("mediaType", platform.media_type));
    SEALIFT_TRY(inner.each_element("layers", [&](const json::Value& layer) -> Result<void> {
      ObjectRef reference;
      SEALIFT_ASSIGN(const auto layer_fields, Fields::of(layer, "a layer of image", image.name));
      SEALIFT_TRY(layer_fields.read_reference(reference));
      platform.layers.push_back(reference);
      return {};
    }));
    image.platforms.push_back(std::move(platform));
    return {};
  }));
  return image;
}

Result<Stub> parse_stub(const json::Value& value) {
  Stub stub;
  SEALIFT_ASSIGN(const auto fields, Fields::of(value, "a stub"));
  SEALIFT_TRY(fields.read("architecture", stub.architecture));
  SEALIFT_TRY(fields.read("object", stub.object));
  return stub;
}

Result<IgnoredImage> parse_ignored(const json::Value& value) {
  IgnoredImage ignored;
  SEALIFT_ASSIGN(const auto fields, Fields::of(value, "an ignored image"));
  SEALIFT_TRY(fields.read_name("pattern", ignored.pattern));
  SEALIFT_TRY(fields.read("reason", ignored.reason));
  return ignored;
}

Result<Requirement> parse_requirement(const json::Value& value) {
  Requirement requirement;
  SEALIFT_ASSIGN(const auto fields, Fields::of(value, "a requirement"));
  SEALIFT_TRY(fields.read_name("name", requirement.name));
  SEALIFT_TRY(fields.read("versions", requirement.versions));
  if (!parse_versions(requirement.versions)) return fields.bad("versions", "is no list of bounds");
  return requirement;
}

std::unexpected<Error> bad(const json::Entry& entry, std::string_view why) {
  return fail(ErrorCode::corrupt, "contents: \"{}\" {}", entry.member, why);
}

Result<std::string> parse_text(const json::Entry& entry) {
  const auto* text = entry.value.string();
  if (text == nullptr || text->size() > kMaxText) return bad(entry, "holds something that is not a text");
  return *text;
}

Result<Digest> parse_base(const json::Entry& entry) {
  auto digest = entry.value.is_string() ? Digest::parse(*entry.value.string()) : fail(ErrorCode::corrupt, "not a text");
  if (!digest) return bad(entry, "holds something that is not a digest");
  return *digest;
}

Result<void> take_file(const json::Entry& entry, Contents& contents) {
  const std::string path(entry.key);
  if (!base::safe_relative_path(path))
    return fail(ErrorCode::corrupt, "the tree's path \"{}\" is not safe", base::printable(path));
  TreeFile file;
  SEALIFT_ASSIGN(const auto fields, Fields::of(entry.value, "file", path));
  SEALIFT_TRY(fields.read("mode", file.mode, kMaxTreeMode));
  SEALIFT_TRY(fields.read("object", file.object));
  contents.tree.emplace_hint(contents.tree.end(), path, file);  // the document's keys are sorted
  return {};
}

Result<void> take_layer(const json::Entry& entry, Contents& contents) {
  auto digest = Digest::parse(entry.key);
  if (!digest) return bad(entry, "has a key that is not a digest");
  SEALIFT_ASSIGN(const auto fields, Fields::of(entry.value, "layer", entry.key));
  LayerInfo& layer = contents.layers[*digest];
  SEALIFT_TRY(fields.read("files", layer.files, kMaxNumber));
  return fields.read("uncompressedBytes", layer.uncompressed_bytes, kMaxNumber);
}

template <auto List, auto Parse>
Result<void> take_element(const json::Entry& entry, Contents& contents) {
  const auto parse = [&] {
    if constexpr (std::is_invocable_v<decltype(Parse), const json::Entry&>)
      return Parse(entry);
    else
      return Parse(entry.value);
  };
  auto element = parse();
  if (!element)
    return fail_while(std::move(element).error(),
                      base::format("reading entry {} of \"{}\"", entry.number, entry.member));
  (contents.*List).push_back(std::move(*element));
  return {};
}

template <auto Map>
Result<void> take_member(const json::Entry& entry, Contents& contents) {
  SEALIFT_ASSIGN((contents.*Map)[std::string(entry.key)], parse_text(entry));
  return {};
}

struct Table {
  std::string_view member;
  bool is_list;
  Result<void> (*take)(const json::Entry& entry, Contents& contents);
};
constexpr auto kTables = std::to_array<Table>({
    {"apps", true, take_element<&Contents::apps, parse_app>},
    {"bases", true, take_element<&Contents::bases, parse_base>},
    {"compressors", false, take_member<&Contents::compressors>},
    {"environment", false, take_member<&Contents::environment>},
    {"hostFiles", true, take_element<&Contents::host_files, parse_host_file>},
    {"ignoredImages", true, take_element<&Contents::ignored_images, parse_ignored>},
    {"images", true, take_element<&Contents::images, parse_image>},
    {"labels", false, take_member<&Contents::labels>},
    {"launch", true, take_element<&Contents::launch, parse_text>},
    {"layers", false, take_layer},
    {"requires", true, take_element<&Contents::requirements, parse_requirement>},
    {"stubs", true, take_element<&Contents::stubs, parse_stub>},
    {"tree", false, take_file},
});

Result<void> take_entry(const json::Entry& entry, Contents& contents) {
  const auto table = std::ranges::find(kTables, entry.member, &Table::member);
  if (table == kTables.end()) return {};
  if (entry.in_list != table->is_list) return bad(entry, table->is_list ? "is not a list" : "is not an object");
  if (entry.number > kMaxEntries) return fail(ErrorCode::limit_exceeded, "\"{}\" has too many entries", entry.member);
  return table->take(entry, contents);
}

}  // namespace

Result<Contents> parse_contents(std::string_view json) {
  Contents contents;
  SEALIFT_ASSIGN(const auto document,
                 json::parse_entries(json, {.bytes = kMaxContentsSize, .depth = 16},
                                     [&](const json::Entry& entry) { return take_entry(entry, contents); }));
  SEALIFT_ASSIGN(const auto fields, Fields::of(document, "contents"));
  for (const auto& table : kTables) {
    const auto* value = document.find(table.member);
    if (value != nullptr && !(table.is_list ? value->is_array() : value->is_object()))
      return fields.bad(table.member, table.is_list ? "is not a list" : "is not an object");
  }
  SEALIFT_TRY(fields.read("name", contents.name));
  SEALIFT_TRY(fields.read("version", contents.version));
  SEALIFT_TRY(fields.read("createdBy", contents.created_by));
  if (fields.has("baseDocument")) {
    std::string path;
    SEALIFT_TRY(fields.read_name("baseDocument", path));
    contents.base_document = path;
  }
  SEALIFT_TRY(check_names(contents));
  return contents;
}

}  // namespace sealift::format
