// SPDX-License-Identifier: Apache-2.0
#include "payload/base/text.h"
#include "payload/base/printable.h"

#include <catch2/catch_test_macros.hpp>

#include <array>

using namespace sealift::base;
using Views = std::vector<std::string_view>;

TEST_CASE("splitting keeps empty parts, words do not") {
  CHECK(split("a,,b", ',') == Views{"a", "", "b"});
  CHECK(split("", ',') == Views{""});
  CHECK(split(",", ',') == Views{"", ""});
  CHECK(split_words("  a \t b ") == Views{"a", "b"});
  CHECK(split_words(" ").empty());
  CHECK(trim(" \t a b \r\n") == "a b");
  CHECK(trim(" \n").empty());
  CHECK(join(std::vector<std::string>{"a", "b"}, ", ") == "a, b");
}

TEST_CASE("every occurrence is replaced, and what replaces it is not looked at again") {
  CHECK(replace_all("a-b-", "-", "--") == "a--b--");
  CHECK(replace_all("abab", "ab", "") == "");
  CHECK(replace_all("abc", "x", "y") == "abc");
}

TEST_CASE("hexadecimal") {
  const auto bytes = from_hex("00fFa5");
  REQUIRE(bytes);
  CHECK(to_hex(*bytes) == "00ffa5");
  CHECK_FALSE(from_hex("0"));
  CHECK_FALSE(from_hex("0g"));
  CHECK(from_hex("")->empty());
}

TEST_CASE("base64: the vectors of RFC 4648, and what is none") {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kVectors{{{"", ""},
                                                                                   {"f", "Zg=="},
                                                                                   {"fo", "Zm8="},
                                                                                   {"foo", "Zm9v"},
                                                                                   {"foob", "Zm9vYg=="},
                                                                                   {"fooba", "Zm9vYmE="},
                                                                                   {"foobar", "Zm9vYmFy"}}};
  for (const auto& [plain, coded] : kVectors) {
    CHECK(to_base64(as_bytes(plain)) == coded);
    const auto back = from_base64(coded);
    REQUIRE(back);
    CHECK(as_text(*back) == plain);
  }
  for (const std::string_view bad : {"Z", "Zg", "Zg=", "Z===", "Zg==Zg==", "Z*==", "====", "Zm9v\n"}) {
    INFO(bad);
    CHECK_FALSE(from_base64(bad));
  }
}

TEST_CASE("numbers are decimal digits only") {
  CHECK(parse_u64("0") == 0);
  CHECK(parse_u64("18446744073709551615") == UINT64_MAX);
  for (const std::string_view bad : {"", "-1", "+1", " 1", "1 ", "0x1", "1.0", "18446744073709551616", "1e3"}) {
    INFO(bad);
    CHECK_FALSE(parse_u64(bad));
  }
}

TEST_CASE("sizes for people") {
  CHECK(human_bytes(0) == "0 B");
  CHECK(human_bytes(1023) == "1023 B");
  CHECK(human_bytes(1536) == "1.5 KiB");
  CHECK(human_bytes(uint64_t{20} << 30) == "20 GiB");
  CHECK(human_bytes(UINT64_MAX) == "16 EiB");
}

TEST_CASE("the nearest known word") {
  constexpr std::array<std::string_view, 4> kWords{"control-plane", "worker", "role", "address"};
  CHECK(nearest("worke", kWords) == "worker");
  CHECK(nearest("adress", kWords) == "address");
  CHECK(nearest("roel", kWords) == "role");  // two letters swapped
  CHECK_FALSE(nearest("xyz", kWords));
  CHECK_FALSE(nearest("anything", std::span<const std::string_view>{}));
}

TEST_CASE("text from outside can't play with the terminal") {
  CHECK(printable("plain ä €") == "plain ä €");
  CHECK(printable("a\x1b[31mb") == "a\\x1b[31mb");
  CHECK(printable("\xff\xc3") == "\\xff\\xc3");
  CHECK(printable("a\nb") == "a\\x0ab");
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a surrogate
  CHECK(printable(std::string(500, 'a')).size() < 250);
  CHECK(printable("\u009b31m \u202eabc\u2069 \u2028 \ufeff \U000e0041") ==
        "\\u{009b}31m \\u{202e}abc\\u{2069} \\u{2028} \\u{feff} \\u{e0041}");
  CHECK(printable("\u200d \u0301 \u4e2d \U0001f600 \u00a0") == "\u200d \u0301 \u4e2d \U0001f600 \u00a0");
  CHECK(printable_lines("a\n\tb\r\x1b[2J\n") == "a\n\tb\\x0d\\x1b[2J\n");
  CHECK(printable_lines(std::string(10'000, 'a') + "\nb").ends_with("…\nb"));
  CHECK(printable_lines(std::string(10'000, 'a')).size() < 5'000);
  CHECK(printable_json("{\"a\":\"\u202e\U000e0041\u4e2d\"}") == "{\"a\":\"\\u202e\\udb40\\udc41\u4e2d\"}");
  CHECK(printable_json("\xff") == "\xff");
}
