// SPDX-License-Identifier: Apache-2.0
//
// Where files may be put on hosts: by FILE lines, by base.yaml and by cluster.yaml.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace sealift::format {

// Whether the path is one of these folders or lies below it.
bool lies_in(std::string_view path, std::initializer_list<std::string_view> folders);
// Whether the path is one of Sealift's own folders or lies in one, however it is written: "/etc//sealift/./pki".
bool is_sealifts(std::string_view path);
// What is wrong with this absolute path: not safe, no place for a file, one of Sealift's own, the host's list of users.
std::optional<std::string> bad_destination(std::string_view path);

}  // namespace sealift::format
