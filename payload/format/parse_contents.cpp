// SPDX-License-Identifier: Apache-2.0
//
// Parses the contents document (FORMAT.md, section 6): first types, then references.
#include <algorithm>
#include <functional>
#include <set>
#include <unordered_set>

#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "payload/format/contents.h"
#include "payload/format/layout.h"
#include "payload/json/value.h"

namespace sealift::format {
namespace {

constexpr size_t kMaxText = 64 << 10;               // of one string
constexpr size_t kMaxEntries = 1 << 20;             // of one list or map
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
    return base::printable(name_.empty() ? std::string(kind_) : std::format("{} {}", kind_, name_));
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
  Result<void> read(std::string_view key, std::map<std::string, std::string>& out) const {
    return each_member(key, [&](const std::string& name, const json::Value& value) -> Result<void> {
      if (!value.is_string() || value.string()->size() > kMaxText)
        return bad(key, "holds something that is not a text");
      out[name] = *value.string();
      return {};
    });
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
        return fail_while(std::move(done).error(), std::format("reading entry {} of \"{}\"", number, key));
    }
    return {};
  }
  Result<void> each_member(std::string_view key,
                           const std::function<Result<void>(const std::string&, const json::Value&)>& visit) const {
    const json::Value* value = value_->find(key);
    if (value == nullptr) return {};
    if (!value->is_object()) return bad(key, "is not an object");
    if (value->members()->size() > kMaxEntries)
      return fail(ErrorCode::limit_exceeded, "\"{}\" has too many entries", key);
    for (const auto& [name, member] : *value->members()) SEALIFT_TRY(visit(name, member));
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
  // Both become words of commands.
  if (app.target_namespace.starts_with('-')) return fields.bad("namespace", "is not a namespace");
  if (app.release.starts_with('-')) return fields.bad("release", "is not the name of a release");
  if (!base::safe_relative_path(app.root)) return fields.bad("root", "is not a safe relative path");
  return app;
}

Result<Image> parse_image(const json::Value& value) {
  Image image;
  SEALIFT_ASSIGN(const auto fields, Fields::of(value, "an image"));
  SEALIFT_TRY(fields.read_name("name", image.name));
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

Result<void> parse_tree(const Fields& fields, Contents& contents) {
  return fields.each_member("tree", [&](const std::string& path, const json::Value& value) -> Result<void> {
    if (!base::safe_relative_path(path))
      return fail(ErrorCode::corrupt, "the tree's path \"{}\" is not safe", base::printable(path));
    TreeFile file;
    SEALIFT_ASSIGN(const auto inner, Fields::of(value, "file", path));
    SEALIFT_TRY(inner.read("mode", file.mode, kMaxTreeMode));
    SEALIFT_TRY(inner.read("object", file.object));
    contents.tree.emplace_hint(contents.tree.end(), path, file);  // the document's keys are sorted
    return {};
  });
}

Result<void> parse_lists(const Fields& fields, Contents& contents) {
  SEALIFT_TRY(fields.each_element("stubs", [&](const json::Value& value) -> Result<void> {
    Stub stub;
    SEALIFT_ASSIGN(const auto inner, Fields::of(value, "a stub"));
    SEALIFT_TRY(inner.read("architecture", stub.architecture));
    SEALIFT_TRY(inner.read("object", stub.object));
    contents.stubs.push_back(stub);
    return {};
  }));
  SEALIFT_TRY(fields.each_element("hostFiles", [&](const json::Value& value) -> Result<void> {
    SEALIFT_ASSIGN(auto file, parse_host_file(value));
    contents.host_files.push_back(std::move(file));
    return {};
  }));
  SEALIFT_TRY(fields.each_element("apps", [&](const json::Value& value) -> Result<void> {
    SEALIFT_ASSIGN(auto app, parse_app(value));
    contents.apps.push_back(std::move(app));
    return {};
  }));
  SEALIFT_TRY(fields.each_element("ignoredImages", [&](const json::Value& value) -> Result<void> {
    IgnoredImage& ignored = contents.ignored_images.emplace_back();
    SEALIFT_ASSIGN(const auto inner, Fields::of(value, "an ignored image"));
    SEALIFT_TRY(inner.read_name("pattern", ignored.pattern));
    return inner.read("reason", ignored.reason);
  }));
  SEALIFT_TRY(fields.each_element("requires", [&](const json::Value& value) -> Result<void> {
    Requirement& requirement = contents.requirements.emplace_back();
    SEALIFT_ASSIGN(const auto inner, Fields::of(value, "a requirement"));
    SEALIFT_TRY(inner.read_name("name", requirement.name));
    SEALIFT_TRY(inner.read("versions", requirement.versions));
    return parse_versions(requirement.versions) ? Result<void>() : inner.bad("versions", "is no list of bounds");
  }));
  SEALIFT_TRY(fields.each_element("images", [&](const json::Value& value) -> Result<void> {
    SEALIFT_ASSIGN(auto image, parse_image(value));
    contents.images.push_back(std::move(image));
    return {};
  }));
  SEALIFT_TRY(fields.each_element("bases", [&](const json::Value& value) -> Result<void> {
    auto digest = value.is_string() ? Digest::parse(*value.string()) : fail(ErrorCode::corrupt, "not a text");
    if (!digest) return fields.bad("bases", "holds something that is not a digest");
    contents.bases.push_back(*digest);
    return {};
  }));
  return fields.each_member("layers", [&](const std::string& key, const json::Value& value) -> Result<void> {
    auto digest = Digest::parse(key);
    if (!digest) return fields.bad("layers", "has a key that is not a digest");
    SEALIFT_ASSIGN(const auto inner, Fields::of(value, "layer", key));
    LayerInfo& layer = contents.layers[*digest];
    SEALIFT_TRY(inner.read("files", layer.files, kMaxNumber));
    return inner.read("uncompressedBytes", layer.uncompressed_bytes, kMaxNumber);
  });
}

// The first entry whose key is a duplicate; null if there is none.
template <class T, class Key>
const T* find_duplicate(const std::vector<T>& list, Key T::* key) {
  std::set<Key> seen;
  const auto at = std::ranges::find_if(list, [&](const T& item) { return !seen.insert(item.*key).second; });
  return at == list.end() ? nullptr : &*at;
}

// "${ARCH}" stands for one of the packed architectures.
bool source_exists(const Contents& contents, const std::string& source) {
  constexpr std::string_view kVariable = "${ARCH}";
  const auto at = source.find(kVariable);
  if (at == std::string::npos) return contents.tree.contains(source);
  for (const auto architecture : {Architecture::amd64, Architecture::arm64}) {
    std::string path = source;
    for (auto found = at; found != std::string::npos; found = path.find(kVariable))
      path.replace(found, kVariable.size(), base::name(architecture));
    if (contents.tree.contains(path)) return true;
  }
  return false;
}

// A path may not be both a file and a folder: extracting would fail half-way.
Result<void> check_tree(const Contents& contents) {
  std::unordered_set<std::string_view> folders;
  std::string_view last;
  for (const auto& [path, file] : contents.tree) {
    std::string_view folder = path;
    // Parents of a known folder are known, too.
    for (auto slash = folder.rfind('/'); slash != std::string_view::npos; slash = folder.rfind('/')) {
      folder = folder.substr(0, slash);
      if (folder == last || !folders.insert(folder).second) break;
    }
    const auto slash = path.rfind('/');
    if (slash != std::string::npos) last = std::string_view(path).substr(0, slash);
  }
  for (const auto& [path, file] : contents.tree) {
    if (folders.contains(path))
      return fail(ErrorCode::corrupt, "the tree holds {} as a file and as a folder", base::printable(path));
  }
  return {};
}

Result<void> check_names(const Contents& contents) {
  if (const auto* app = find_duplicate(contents.apps, &App::name))
    return fail(ErrorCode::corrupt, "two apps have the name {}", base::printable(app->name));
  if (const auto* image = find_duplicate(contents.images, &Image::name))
    return fail(ErrorCode::corrupt, "two images have the name {}", base::printable(image->name));
  if (const auto* stub = find_duplicate(contents.stubs, &Stub::architecture))
    return fail(ErrorCode::corrupt, "two stubs are for {}", base::name(stub->architecture));
  if (const auto* requirement = find_duplicate(contents.requirements, &Requirement::name))
    return fail(ErrorCode::corrupt, "{} is required twice", base::printable(requirement->name));
  for (const auto& image : contents.images) {
    if (const auto* platform = find_duplicate(image.platforms, &Image::Platform::architecture)) {
      return fail(ErrorCode::corrupt, "image {} has the architecture {} twice", base::printable(image.name),
                  base::name(platform->architecture));
    }
  }
  for (const auto& app : contents.apps) {
    const auto under = contents.tree.lower_bound(app.root + "/");
    const bool has_files =
        contents.tree.contains(app.root) || (under != contents.tree.end() && under->first.starts_with(app.root + "/"));
    if (!has_files)
      return fail(ErrorCode::corrupt, "app {} has no files under {}", base::printable(app.name),
                  base::printable(app.root));
    for (const auto& path : app.values) {
      if (!contents.tree.contains(path))
        return fail(ErrorCode::corrupt, "app {} has the values {}, which are not in the tree",
                    base::printable(app.name), base::printable(path));
    }
    for (const auto& need : app.needs) {
      if (contents.find_app(need) == nullptr)
        return fail(ErrorCode::corrupt, "app {} needs {}, which is not there", base::printable(app.name),
                    base::printable(need));
    }
  }
  for (const auto& app : contents.launch) {
    if (contents.find_app(app) == nullptr)
      return fail(ErrorCode::corrupt, "\"launch\" names app {}, which is not there", base::printable(app));
  }
  for (const auto& file : contents.host_files) {
    if (!source_exists(contents, file.source)) {
      return fail(ErrorCode::corrupt, "host file {}: its source {} is not in the tree",
                  base::printable(file.destination), base::printable(file.source));
    }
  }
  if (contents.base_document && !contents.tree.contains(*contents.base_document)) {
    return fail(ErrorCode::corrupt, "\"baseDocument\" names {}, which is not in the tree",
                base::printable(*contents.base_document));
  }
  return check_tree(contents);
}

}  // namespace

Result<Contents> parse_contents(std::string_view json) {
  SEALIFT_ASSIGN(const auto document, json::parse(json, {.bytes = kMaxContentsSize, .depth = 16}));
  SEALIFT_ASSIGN(const auto fields, Fields::of(document, "contents"));
  Contents contents;
  SEALIFT_TRY(fields.read("name", contents.name));
  SEALIFT_TRY(fields.read("version", contents.version));
  SEALIFT_TRY(fields.read("createdBy", contents.created_by));
  SEALIFT_TRY(fields.read("compressors", contents.compressors));
  SEALIFT_TRY(fields.read("environment", contents.environment));
  SEALIFT_TRY(fields.read("labels", contents.labels));
  SEALIFT_TRY(fields.read("launch", contents.launch));
  if (fields.has("baseDocument")) {
    std::string path;
    SEALIFT_TRY(fields.read_name("baseDocument", path));
    contents.base_document = path;
  }
  SEALIFT_TRY(parse_tree(fields, contents));
  SEALIFT_TRY(parse_lists(fields, contents));
  SEALIFT_TRY(check_names(contents));
  return contents;
}

}  // namespace sealift::format
