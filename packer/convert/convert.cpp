// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/convert.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "packer/convert/clusterfile.h"
#include "packer/convert/context.h"
#include "packer/convert/image_list.h"
#include "packer/convert/kubefile.h"
#include "packer/convert/kubefile_reading.h"
#include "packer/convert/zarf.h"
#include "payload/base/file.h"
#include "payload/base/text.h"
#include "payload/base/utf8.h"

namespace sealift::convert {
namespace {

constexpr size_t kMaxFile = size_t{512} << 10;

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
}

// The output folder as the build sees it, whose context is the source's folder.
std::string beside(const std::string& path, const std::string& output) {
  if (output.empty()) return {};
  std::error_code error;
  const auto relative = std::filesystem::proximate(output, folder_of(path), error).string();
  return error || relative == "." ? "" : relative;
}

bool is_kubefile(const std::vector<Instruction>& instructions) {
  const auto first = std::ranges::find_if(instructions, [](const auto& line) { return line.verb != "ARG"; });
  return first != instructions.end() && first->verb == "FROM";
}

// Words that only our Kubefiles have.
bool is_ours(const std::vector<Instruction>& instructions) {
  constexpr auto kVerbs =
      std::to_array<std::string_view>({"FILE", "VALUES", "IMAGE", "IMAGE-RULES", "IGNORE-IMAGE", "INCLUDE", "REMOVE"});
  return std::ranges::any_of(instructions, [&](const Instruction& line) {
    const bool is_app = line.verb == "APP" || line.verb == "CNI";
    return std::ranges::contains(kVerbs, line.verb) ||
           (is_app &&
            (line.rest.contains(" NEEDS ") || line.rest.contains(" NAMESPACE ") || line.rest.contains(" RELEASE ")));
  });
}

bool has_line(std::string_view text, std::string_view beginning) {
  return text.starts_with(beginning) || text.contains("\n" + std::string(beginning));
}

Result<Conversion> convert_yaml(std::string_view text, const std::string& path, const std::string& beside) {
  auto parsed = yaml::parse(text, path, {}, yaml::DuplicateKeys::last_wins);
  if (!parsed) {
    // of `passwd: *secret` the parser names what it takes for an anchor
    auto& what = parsed.error().what;
    if (const size_t anchor = what.find("anchor"); anchor != std::string::npos)
      what = what.substr(0, anchor) + "anchor is not defined; a text that begins with * needs quotes";
    return std::unexpected(std::move(parsed).error());
  }
  const auto& documents = *parsed;
  for (const auto& document : documents)
    if (is_zarf(document)) return convert_zarf(document, path, Context(folder_of(path)), beside);
  if (is_clusterfile(documents)) return convert_clusterfile(documents, path);
  return fail(
      ErrorCode::invalid_input,
      "{}: neither a Clusterfile of sealer or sealos nor a package of Zarf; manifests are named with APP as they are",
      path);
}

bool is_image_list(std::string_view text, const std::string& path) {
  Report report;
  std::set<std::string> known;
  const auto names = image_names(text, path, known, report);
  return names.size() > report.count(Outcome::lost);
}

Result<Conversion> convert_file(const std::string& path, const std::string& output) {
  SEALIFT_ASSIGN(const auto text, base::read_text_file(path, kMaxFile));
  if (!base::is_utf8(text) || text.contains('\0'))
    return fail(ErrorCode::invalid_input, "{}: not a text file in UTF-8", path);
  const auto instructions = read_instructions(text, path);
  if (is_kubefile(instructions)) {
    if (is_ours(instructions)) return fail(ErrorCode::invalid_input, "{}: a Kubefile of Sealift already", path);
    if (makes_container_image(text) && !base::to_lower(last_part(path)).contains("kubefile"))
      return fail(
          ErrorCode::invalid_input,
          "{}: it makes a container image; build and push it with your container tools, and name it with IMAGE or in a "
          "manifest",
          path);
    return convert_kubefile(text, path, Context(folder_of(path)), beside(path, output));
  }
  if (has_line(text, "kind:") || has_line(text, "apiVersion:")) return convert_yaml(text, path, beside(path, output));
  if (is_image_list(text, path)) return convert_image_list(text, path);
  return fail(
      ErrorCode::invalid_input,
      "{}: not recognised; a Kubefile begins with FROM, a Clusterfile has kind: Cluster, a list of images has a name on "
      "each line",
      path);
}

}  // namespace

Result<std::vector<Conversion>> convert(const std::string& path, const std::string& output) {
  std::vector<std::string> files;
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    for (const auto& names :
         {std::vector{"Kubefile", "Dockerfile"}, {"Clusterfile", "Clusterfile.yaml"}, {"zarf.yaml"}}) {
      const auto there = std::ranges::find_if(names, [&](const char* name) {
        std::error_code ignored;
        return std::filesystem::is_regular_file(path + "/" + name, ignored);
      });
      if (there != names.end()) files.push_back(path + "/" + *there);
    }
    if (files.empty())
      return fail(ErrorCode::not_found, "{}: no Kubefile, Clusterfile or zarf.yaml in it; name the file itself", path);
  } else {
    files.push_back(path);
  }
  std::vector<Conversion> out;
  for (const auto& file : files) {
    SEALIFT_ASSIGN(auto converted, convert_file(file, output));
    out.push_back(std::move(converted));
  }
  return out;
}

}  // namespace sealift::convert
