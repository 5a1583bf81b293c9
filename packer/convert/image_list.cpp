// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/image_list.h"

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/image/reference.h"

namespace sealift::convert {

std::vector<std::string> image_names(std::string_view text, const std::string& file, std::set<std::string>& known,
                                     Report& report) {
  std::vector<std::string> out;
  int line = 0;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (const auto whole : base::split(text, '\n')) {
    ++line;
    const auto words = base::split_words(base::trim(whole.substr(0, whole.find('#'))));
    if (words.empty()) continue;
    const std::string name(words[0]);
    if (const auto reference = image::parse_reference(name); !reference || words.size() > 1) {
      report.add({file, line, Outcome::lost, name,
                  reference ? "a line has one name, and this one has further words" : reference.error().what});
    } else if (known.insert(name).second) {
      out.push_back(name);
    }
  }
  return out;
}

Conversion convert_image_list(std::string_view text, const std::string& file) {
  Conversion out;
  std::set<std::string> known;
  const auto names = image_names(text, file, known, out.report);
  std::string list;
  for (const auto& name : names) list += name + "\n";
  out.files.push_back({"images.txt", list});
  out.report.add({file, 1, Outcome::changed, base::format("{} images", names.size()), "a list for IMAGE images.txt"});
  return out;
}

}  // namespace sealift::convert
