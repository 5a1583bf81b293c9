// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/connector.h"

namespace sealift::cli {

Result<std::unique_ptr<steps::HostConnector>> make_ssh_connector(ConnectorOptions) {
  return fail(ErrorCode::unsupported, "this build can't connect to hosts yet; plan --offline, info, list, verify and extract work");
}

}  // namespace sealift::cli
