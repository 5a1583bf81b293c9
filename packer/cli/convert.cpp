// SPDX-License-Identifier: Apache-2.0
#include "packer/cli/convert.h"

#include <unistd.h>

#include <cstdio>

#include "packer/convert/convert.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#include <CLI/CLI.hpp>
#pragma clang diagnostic pop

namespace sealift::packer_cli {
namespace {

void print(std::FILE* to, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), to);
  std::fflush(to);
}

Result<void> write_files(const std::vector<convert::Conversion>& conversions, const std::string& folder) {
  for (const auto& conversion : conversions) {
    for (const auto& file : conversion.files) {
      const std::string path = folder + "/" + file.path;
      if (::access(path.c_str(), F_OK) == 0)
        return fail(ErrorCode::already_exists,
                    "{} is there already, and nothing was written; name another folder with -o", path);
    }
  }
  for (const auto& conversion : conversions) {
    for (const auto& file : conversion.files) {
      const std::string path = folder + "/" + file.path;
      SEALIFT_TRY(base::make_directories(path.substr(0, path.rfind('/')), 0755));
      SEALIFT_TRY(base::write_file_atomic(path, base::as_bytes(file.text), 0644));
    }
  }
  return {};
}

// The further files are comments: what is printed stays one document.
std::string printed(const convert::Conversion& conversion) {
  std::string out = conversion.files.front().text;
  for (size_t i = 1; i < conversion.files.size(); ++i) {
    out += "\n# " + conversion.files[i].path + ":\n";
    for (const auto line : base::split(base::trim(conversion.files[i].text), '\n'))
      out += "#   " + std::string(line) + "\n";
  }
  return out;
}

}  // namespace

void define_convert(CLI::App& app, ConvertArguments& arguments) {
  auto* command = app.add_subcommand(
      "convert",
      "make a Kubefile or cluster.yaml of what sealer, sealos and Zarf have, and say what became of each line");
  command
      ->add_option("file", arguments.what,
                   "a Kubefile, Clusterfile, list of images or zarf.yaml, or a folder that has one")
      ->required();
  command->add_option("-o,--output", arguments.output, "the folder to write into (default: standard output)");
}

Result<std::string> convert_files(const ConvertArguments& arguments) {
  SEALIFT_ASSIGN(const auto conversions, convert::convert(arguments.what, arguments.output));
  std::string out;
  size_t lost = 0;
  if (arguments.output.empty()) {
    if (conversions.size() > 1)
      return fail(ErrorCode::usage, "{} has {} files to convert; name one of them, or a folder to write into with -o",
                  arguments.what, conversions.size());
    out = printed(conversions.front());
  } else {
    SEALIFT_TRY(write_files(conversions, arguments.output));
  }
  for (const auto& conversion : conversions) {
    print(stderr, conversion.report.text());
    lost += conversion.report.count(convert::Outcome::lost);
  }
  if (lost == 0) return out;
  print(stdout, out);
  return fail(ErrorCode::invalid_input, "{} without an equivalent; all else is converted, and these are comments in it",
              lost == 1 ? std::string("1 line is") : base::format("{} lines are", lost));
}

}  // namespace sealift::packer_cli
