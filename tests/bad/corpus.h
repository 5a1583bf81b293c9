// SPDX-License-Identifier: Apache-2.0
//
// The generator of tests/bad: broken payloads named after their single defect, each otherwise valid (hashes, sizes and
// offsets around the defect are correct). bad_corpus_test.cpp compares its output with the committed files, and
// rewrites them with SEALIFT_ACCEPT=1. The expected findings are in manifest.txt, which is written by hand.
#pragma once

#include <string>
#include <vector>

#include "tests/support/payload_builder.h"

namespace sealift::tests {

struct BadPayload {
  std::string name;  // "<section>/<defect>"
  Bytes bytes;
};

inline std::vector<BadPayload> bad_payloads();

}  // namespace sealift::tests
