// SPDX-License-Identifier: Apache-2.0
//
// A release as helm keeps it.
#pragma once

#include <string_view>

namespace sealift::tests {

// As helm writes it into a Secret and the API returns it: JSON, gzip, base64, base64. A release of a claim and a
// Deployment, with a hook, values and the chart's files.
inline constexpr std::string_view kHelmRecord =
    "SDRzSUFBQUFBQUFDQTIxUndVNERJUkQ5RllKWGQ5MnUwUU5YZStwSm8vYWdHRFBkbmJXa3kwQ0ExalJOLzEyRzF0WTBKaHlZOTJi"
    "ZWV3TTdTV0JSS2lIajBubDVMVW9kUFhRSE1MbUFqRzR3Uk9Nb1kyMnVEQTB1WDNlWmg3U08zTm1qSDkwV2UyNGVUSWpwODRSa3Rt"
    "M2ErNnFaNVBQU05LcWNON25QcloyandYd1ZyUURKc0dwVDMyWENRNHpmTHBUcGlGM0FWUHFYenEzWTczMTNDcjdZbG9TNFFVcUZr"
    "ajVnMWVPSUNlVkhaaXlRR1RBbWJsNFo2cFdZdVlVbXVXZXlXMEpJeGQ5aWdoNFNsT0x5VmM3N3kwbmQxcmNsVEVMclIwaDRFZWdF"
    "MzBDOUJUdnkvRkZZUHIzT3B0bDRmeEdycWlwTlYrTFpyVU9IU3JEcmNWZ1RlRE0vdUN1eG1XZzZyUERJVUV4NTU3a2IxeFlmUmpC"
    "VzArOFNTcE1RSEVnSkxqVVZoNzlTNEgyOE9ldE55Mi9aclBldkNDZmlKL3NCbFZVTzFEQUNBQUE9";

}  // namespace sealift::tests
