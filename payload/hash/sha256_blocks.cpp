// SPDX-License-Identifier: Apache-2.0
#include "payload/hash/sha256_blocks.h"

#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#include <sys/auxv.h>
#endif

namespace sealift::hash {
namespace {

// Not a macro: the compiler eliminates the renaming of variables below.
[[gnu::always_inline]] inline void round(uint32_t a, uint32_t b, uint32_t c, uint32_t& d, uint32_t e, uint32_t f,
                                         uint32_t g, uint32_t& h, uint32_t key_and_word) {
  const uint32_t sum = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + (g ^ (e & (f ^ g))) + key_and_word;
  d += sum;
  h = sum + (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) | (c & (a | b)));
}

[[gnu::always_inline]] inline uint32_t load_big_endian(const std::byte* data) {
  uint32_t value = 0;
  std::memcpy(&value, data, sizeof value);
  return std::byteswap(value);  // both supported architectures are little-endian
}

// Word t of the message schedule, kept in a window of 16.
[[gnu::always_inline]] inline uint32_t expand(std::array<uint32_t, 16>& w, size_t t) {
  const uint32_t w2 = w[(t + 14) & 15];
  const uint32_t w15 = w[(t + 1) & 15];
  w[t & 15] += (std::rotr(w2, 17) ^ std::rotr(w2, 19) ^ (w2 >> 10U)) + w[(t + 9) & 15] +
               (std::rotr(w15, 7) ^ std::rotr(w15, 18) ^ (w15 >> 3U));
  return w[t & 15];
}

}  // namespace

void sha256_blocks_portable(std::array<uint32_t, 8>& state, const std::byte* data, size_t count) {
  auto [a, b, c, d, e, f, g, h] = state;
  for (; count != 0; --count, data += 64) {
    const std::array<uint32_t, 8> before{a, b, c, d, e, f, g, h};
    std::array<uint32_t, 16> w;
    for (size_t t = 0; t < 16; ++t) w[t] = load_big_endian(data + 4 * t);
#pragma clang loop unroll(full)
    for (size_t t = 0; t < 64; t += 8) {
      const auto word = [&](size_t i) { return kSha256Rounds[i] + (i < 16 ? w[i] : expand(w, i)); };
      round(a, b, c, d, e, f, g, h, word(t));
      round(h, a, b, c, d, e, f, g, word(t + 1));
      round(g, h, a, b, c, d, e, f, word(t + 2));
      round(f, g, h, a, b, c, d, e, word(t + 3));
      round(e, f, g, h, a, b, c, d, word(t + 4));
      round(d, e, f, g, h, a, b, c, word(t + 5));
      round(c, d, e, f, g, h, a, b, word(t + 6));
      round(b, c, d, e, f, g, h, a, word(t + 7));
    }
    a += before[0];
    b += before[1];
    c += before[2];
    d += before[3];
    e += before[4];
    f += before[5];
    g += before[6];
    h += before[7];
  }
  state = {a, b, c, d, e, f, g, h};
}

#if defined(__x86_64__)

namespace {

[[gnu::target("sha,sse4.1,ssse3")]] void sha256_blocks_sha_ni(std::array<uint32_t, 8>& state, const std::byte* data,
                                                              size_t count) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  auto* words = reinterpret_cast<__m128i*>(state.data());  // NOLINT(*-reinterpret-cast): what the intrinsics take
  // The instructions need the state as ABEF and CDGH.
  const __m128i dcba = _mm_shuffle_epi32(_mm_loadu_si128(words), 0xb1);
  const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1b);
  __m128i abef = _mm_alignr_epi8(dcba, hgfe, 8);
  __m128i cdgh = _mm_blend_epi16(hgfe, dcba, 0xf0);
  for (; count != 0; --count, data += 64) {
    const __m128i abef_before = abef;
    const __m128i cdgh_before = cdgh;
    const auto* block = reinterpret_cast<const __m128i*>(data);                 // NOLINT(*-reinterpret-cast)
    const auto* keys = reinterpret_cast<const __m128i*>(kSha256Rounds.data());  // NOLINT(*-reinterpret-cast)
    __m128i w[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; ++i) w[i] = _mm_shuffle_epi8(_mm_loadu_si128(block + i), swap);
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; ++i) {
      const __m128i keyed = _mm_add_epi32(w[i & 3], _mm_loadu_si128(keys + i));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, keyed);
      if (i < 12) {
        const __m128i shifted = _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4);
        const __m128i partial = _mm_add_epi32(_mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]), shifted);
        w[i & 3] = _mm_sha256msg2_epu32(partial, w[(i + 3) & 3]);
      }
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(keyed, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(words, _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(words + 1, _mm_alignr_epi8(dchg, feba, 8));
}

}  // namespace

BlockFunction sha256_blocks_accelerated() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  constexpr unsigned kSha = 1U << 29U;    // leaf 7, EBX
  constexpr unsigned kSse41 = 1U << 19U;  // leaf 1, ECX
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (b & kSha) == 0) return nullptr;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & kSse41) == 0) return nullptr;
  return sha256_blocks_sha_ni;
}

#elif defined(__aarch64__)

namespace {

[[gnu::target("sha2")]] void sha256_blocks_armv8(std::array<uint32_t, 8>& state, const std::byte* data, size_t count) {
  uint32x4_t abcd = vld1q_u32(state.data());
  uint32x4_t efgh = vld1q_u32(state.data() + 4);
  for (; count != 0; --count, data += 64) {
    const uint32x4_t abcd_before = abcd;
    const uint32x4_t efgh_before = efgh;
    const auto* block = reinterpret_cast<const uint8_t*>(data);  // NOLINT(*-reinterpret-cast): what the intrinsics take
    uint32x4_t w[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; ++i) w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block + 16 * i)));
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; ++i) {
      const uint32x4_t keyed = vaddq_u32(w[i & 3], vld1q_u32(kSha256Rounds.data() + 4 * i));
      if (i < 12) w[i & 3] = vsha256su1q_u32(vsha256su0q_u32(w[i & 3], w[(i + 1) & 3]), w[(i + 2) & 3], w[(i + 3) & 3]);
      const uint32x4_t abcd_old = abcd;
      abcd = vsha256hq_u32(abcd, efgh, keyed);
      efgh = vsha256h2q_u32(efgh, abcd_old, keyed);
    }
    abcd = vaddq_u32(abcd, abcd_before);
    efgh = vaddq_u32(efgh, efgh_before);
  }
  vst1q_u32(state.data(), abcd);
  vst1q_u32(state.data() + 4, efgh);
}

}  // namespace

BlockFunction sha256_blocks_accelerated() {
  constexpr unsigned long kSha2 = 1UL << 6U;  // HWCAP_SHA2 of the kernel's arm64 ABI
  return (getauxval(AT_HWCAP) & kSha2) != 0 ? sha256_blocks_armv8 : nullptr;
}

#else

BlockFunction sha256_blocks_accelerated() { return nullptr; }

#endif

}  // namespace sealift::hash
