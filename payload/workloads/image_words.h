// SPDX-License-Identifier: Apache-2.0
//
// What a key and what a value say by themselves about images. Pure functions on text; where the text stands is the
// walker's business.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sealift::workloads {

enum class KeySays {
  nothing,
  perhaps,  // speaks of images: RELATED_IMAGE_X, imageForBackups, but also imagePullPolicy, imageFormat
  images,   // a list or map of images: images, extraImages
  image,    // names one image: image, sidecarImage, docker_image, imageName, --helper-image
};

// By the words of the key, in any spelling: camelCase, snake_case, UPPER_CASE, with dashes or dots.
KeySays what_key_says(std::string_view key);

// The key's words in lower case: "sidecarImageURL" gives sidecar image url.
std::vector<std::string> words_of_key(std::string_view key);

// An image name with a tag or a digest: "redis:7", "reg.example/a@sha256:…".
bool is_complete(std::string_view text);

// Complete, with a registry's host: so much of a name is hardly anything else. Not labels with a value
// (app.kubernetes.io/component:webhook) or source code (github.com/…).
bool is_unmistakable(std::string_view text);

// A name without tag and digest that someone may have meant for an image; not a word such as "auto" or "disabled", a
// number, or a file name.
bool is_bare_name(std::string_view text);

// Filled in later by another program: {{ x }}, ${X}, $(X), %X%, ###X###, <x>, ko://….
bool is_placeholder(std::string_view text);

// Why a name leads to an OCI artifact that no node can run, if it does: databases and policies of trivy, signatures,
// oci:// and docker:// addresses.
std::optional<std::string> artifact_reason(std::string_view text);

}  // namespace sealift::workloads
