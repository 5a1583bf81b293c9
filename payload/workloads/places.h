// SPDX-License-Identifier: Apache-2.0
//
// How places in documents are written, by the walker and in rules alike: .spec.containers[0].image,
// .data[app.yaml], .env[name=PROXY_IMAGE].value.
#pragma once

#include <string>
#include <string_view>

#include "payload/yaml/node.h"

namespace sealift::workloads {

// ".key"; "[key]" if it holds anything but letters, digits, _ and -.
std::string key_part(std::string_view key);

// "[3]"; "[name=X]" for named values such as environment variables: their order means nothing to people.
std::string item_part(const yaml::Node& item, size_t index);
bool is_named_value(const yaml::Node& item);  // a mapping with a name and a value, or where to take it from

std::string text_of(const yaml::Node* node);  // empty if it is null or no scalar

// "apps" of apiVersion "apps/v1", "" of "v1".
std::string group_of(const yaml::Node& object);

// "Deployment/shop"; of objects without a name, what metadata.generateName says; without a kind, the name alone.
std::string object_name(const yaml::Node& object, std::string_view kind);

}  // namespace sealift::workloads
