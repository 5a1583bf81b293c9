// SPDX-License-Identifier: Apache-2.0
//
// How a registry says no, and how that is read. Source: the OCI distribution specification 1.1, "Error Codes" and
// "Warnings".
#pragma once

#include <string>

#include "payload/http/client.h"
#include "payload/http/server.h"

namespace sealift::node {

// `code`: "NAME_UNKNOWN"; `text`: for people.
http::Response message(int status, std::string code, std::string text);
// The same with its text in a header too: an answer to HEAD has no body.
http::Response message_with_warning(int status, std::string code, const std::string& text);
// The text of an answer made by one of these, printable and at most 1,000 bytes long: from the body, else from the
// header. Another server's body is returned as it stands. "": neither says anything.
std::string reason_of(const http::Reply& reply);

}  // namespace sealift::node
