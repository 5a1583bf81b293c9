# SPDX-License-Identifier: Apache-2.0
# sealift_embed_script(folder/landing.sh): makes <build>/embedded/folder/landing.sh.h, which defines kLandingScript: the
# script as one line, without comments.
# sealift_embed_rules(packer/rules): makes <build>/embedded/packer/rules.h, which defines kImageRules: name and text of
# each YAML file in the folder.
include_guard()

function(sealift_write_embedded path header)
  set(out "${CMAKE_BINARY_DIR}/embedded/${path}")
  if(EXISTS "${out}")
    file(READ "${out}" before)
  endif()
  if(NOT "${before}" STREQUAL "${header}")
    file(WRITE "${out}" "${header}")
  endif()
endfunction()

function(sealift_embed_script script)
  get_filename_component(name "${script}" NAME_WE)
  string(SUBSTRING "${name}" 0 1 first)
  string(SUBSTRING "${name}" 1 -1 rest)
  string(TOUPPER "${first}" first)
  set(name "k${first}${rest}Script")
  file(READ "${CMAKE_SOURCE_DIR}/${script}" text)
  set_property(DIRECTORY "${CMAKE_SOURCE_DIR}" APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${script}")
  string(REGEX REPLACE "(^|\n) *#[^\n]*" "\\1" text "${text}")
  string(REGEX REPLACE "  #[^\n]*" "" text "${text}")
  string(REGEX REPLACE "[ \n]*\n[ \n]*" " " text "${text}")
  string(STRIP "${text}" text)
  set(header "// Made from ${script} by toolchain/embed.cmake.\n#pragma once\n#include <string_view>\ninline constexpr std::string_view ${name} =\n    R\"sh(${text})sh\";\n")
  sealift_write_embedded("${script}.h" "${header}")
endfunction()

function(sealift_embed_rules folder)
  file(GLOB files CONFIGURE_DEPENDS RELATIVE "${CMAKE_SOURCE_DIR}" "${CMAKE_SOURCE_DIR}/${folder}/*.yaml")
  set(header "// Made from ${folder} by toolchain/embed.cmake.\n#pragma once\n#include <string_view>\n#include <utility>\ninline constexpr std::pair<std::string_view, std::string_view> kImageRules[] = {\n")
  foreach(file ${files})
    set_property(DIRECTORY "${CMAKE_SOURCE_DIR}" APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${file}")
    file(READ "${CMAKE_SOURCE_DIR}/${file}" text)
    string(APPEND header "    {\"${file}\", R\"yaml(${text})yaml\"},\n")
  endforeach()
  sealift_write_embedded("${folder}.h" "${header}};\n")
endfunction()
