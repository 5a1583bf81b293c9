# SPDX-License-Identifier: Apache-2.0
# The architecture: every library once, lowest first. A library may use only those listed above it.
# A third-party library has one owner (mbedTLS three): only the owner's .cpp files include its headers.

# shared by both programs
sealift_library(payload/base)
sealift_library(payload/hash DEPS payload/base)
sealift_library(payload/trust DEPS payload/base payload/hash THIRD_PARTY mbedtls)
sealift_library(payload/codec DEPS payload/base THIRD_PARTY zstd isal)
sealift_library(payload/yaml DEPS payload/base THIRD_PARTY yaml-cpp)
sealift_library(payload/json DEPS payload/base THIRD_PARTY json)
sealift_library(payload/console DEPS payload/base payload/json)
sealift_library(payload/image DEPS payload/base payload/hash payload/json)
sealift_library(payload/workloads DEPS payload/base payload/yaml payload/json payload/image)
sealift_library(payload/http DEPS payload/base THIRD_PARTY httplib mbedtls)
sealift_library(payload/distribution DEPS payload/base payload/hash payload/json payload/image payload/http)
sealift_library(payload/format DEPS payload/base payload/hash payload/codec payload/yaml payload/json payload/image)
sealift_library(payload/charts DEPS payload/base payload/yaml payload/image payload/workloads payload/format)
sealift_library(payload/upload DEPS payload/base payload/hash payload/json payload/image payload/distribution payload/format)
sealift_library(payload/writer DEPS payload/base payload/hash payload/codec payload/format)

# the factory
sealift_library(packer/sources DEPS payload/base payload/hash payload/codec payload/json payload/image payload/http payload/distribution payload/format THIRD_PARTY libarchive)
sealift_library(packer/downloads DEPS payload/base payload/hash payload/http payload/distribution)
sealift_library(packer/lock DEPS payload/base payload/hash payload/yaml)
sealift_library(packer/charts DEPS payload/base payload/hash payload/yaml payload/image payload/http payload/distribution packer/downloads packer/lock)
sealift_library(packer/store DEPS payload/base payload/hash payload/json payload/format payload/writer)
sealift_library(packer/registry DEPS payload/base payload/hash payload/json payload/image payload/distribution payload/format payload/upload payload/writer packer/sources packer/store)
sealift_library(packer/sbom DEPS payload/base payload/hash payload/yaml payload/json payload/image payload/format)
sealift_library(packer/resolve DEPS payload/base payload/hash payload/yaml payload/json payload/image payload/workloads payload/http payload/format
  payload/charts packer/sources packer/downloads packer/lock packer/charts packer/store packer/registry RULES packer/rules)
sealift_library(packer/selftest DEPS payload/base payload/image payload/format packer/sbom packer/resolve)
sealift_library(packer/pack DEPS payload/base payload/format payload/writer packer/store packer/resolve)
sealift_library(packer/convert DEPS payload/base payload/yaml payload/json payload/image packer/resolve)
sealift_library(packer/cli DEPS payload/base payload/distribution payload/json payload/console payload/format payload/writer packer/downloads packer/lock packer/store packer/registry packer/sbom
  packer/resolve packer/selftest packer/pack packer/convert THIRD_PARTY cli11)

# the site
sealift_library(runtime/config DEPS payload/base payload/trust payload/yaml payload/image payload/format)
sealift_library(runtime/ssh DEPS payload/base THIRD_PARTY libssh)
sealift_library(runtime/host DEPS payload/base payload/hash payload/json)
sealift_library(runtime/agent DEPS payload/base payload/hash payload/json runtime/config runtime/ssh runtime/host SCRIPTS runtime/agent/landing.sh)
sealift_library(runtime/engine DEPS payload/base payload/hash payload/json runtime/host)
sealift_library(runtime/kube DEPS payload/base payload/codec payload/yaml payload/json payload/format runtime/config)
sealift_library(runtime/node DEPS payload/base payload/hash payload/trust payload/json payload/image payload/http payload/distribution payload/format payload/upload
  runtime/host runtime/kube)
sealift_library(runtime/checks DEPS payload/base payload/trust payload/format runtime/config runtime/host)
sealift_library(runtime/steps DEPS payload/base payload/hash payload/trust payload/yaml payload/json payload/image payload/http payload/distribution payload/format payload/upload
  runtime/config runtime/host runtime/engine runtime/kube)
sealift_library(runtime/inspection DEPS payload/base payload/yaml payload/json payload/image
  runtime/config runtime/host runtime/node runtime/kube runtime/steps)
sealift_library(runtime/images DEPS payload/base payload/yaml payload/image payload/workloads payload/charts payload/format runtime/kube runtime/checks runtime/steps)
sealift_library(runtime/plans DEPS payload/base runtime/engine runtime/kube runtime/steps)
sealift_library(runtime/delivery DEPS payload/base payload/yaml payload/format runtime/config runtime/host runtime/engine runtime/kube runtime/checks
  runtime/steps runtime/inspection runtime/images runtime/plans)
sealift_library(runtime/report DEPS payload/base payload/json payload/console payload/format runtime/config runtime/host runtime/engine runtime/kube runtime/checks
  runtime/steps runtime/inspection runtime/delivery)
sealift_library(runtime/ui DEPS payload/base payload/console)
sealift_library(runtime/cli DEPS payload/base payload/hash payload/json payload/console payload/format runtime/config runtime/ssh runtime/agent runtime/engine
  runtime/node runtime/checks runtime/inspection runtime/images runtime/delivery runtime/report runtime/ui THIRD_PARTY cli11)
