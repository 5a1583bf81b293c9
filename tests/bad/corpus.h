// SPDX-License-Identifier: Apache-2.0
//
// The generator of tests/bad: broken payloads named by their one defect, each otherwise sound (hashes, sizes and
// offsets around the defect are right). bad_corpus_test.cpp compares what it makes with the files that are committed,
// and rewrites those with SEALIFT_ACCEPT=1. What each must give stands in manifest.txt, which people write.
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
