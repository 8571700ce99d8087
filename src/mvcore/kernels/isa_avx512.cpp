// Kernels for x86-64-v4, compiled with -march=x86-64-v4. No code of this file may run before
// dispatch.cpp has checked the CPU.
#include "mvcore/kernels/kernels.hpp"

#include <immintrin.h>

#include <cstring>

namespace {

struct Isa {
    static constexpr const char* name = "avx512";
    static constexpr std::size_t lanes = 8;
    using V = __m512i;
    static V load(const std::int8_t* p) {
        return _mm512_cvtepi8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    }
    static V load(const std::int16_t* p) {
        return _mm512_cvtepi16_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    }
    static V load(const std::int32_t* p) {
        return _mm512_cvtepi32_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    }
    static V load(const std::int64_t* p) { return _mm512_loadu_si512(p); }
    static V load(const __int128* p) {  // the low words: sums are modulo 2^64
        const V index = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
        return _mm512_permutex2var_epi64(_mm512_loadu_si512(p), index, _mm512_loadu_si512(p + 4));
    }
    static V load_second(const void* p) {
        const V index = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
        const auto* bytes = static_cast<const char*>(p);
        return _mm512_srai_epi64(_mm512_permutex2var_epi64(_mm512_loadu_si512(bytes), index,
                                                           _mm512_loadu_si512(bytes + 64)),
                                 32);
    }
    static void store(std::int64_t* p, V v) { _mm512_storeu_si512(p, v); }
    static V set1(std::int64_t v) { return _mm512_set1_epi64(v); }
    static V add(V a, V b) { return _mm512_add_epi64(a, b); }
    static V either(V a, V b) { return _mm512_or_si512(a, b); }
    static V unsigned_bits(V v) { return _mm512_xor_si512(v, _mm512_srai_epi64(v, 63)); }
    static V mul32(V a, V b) { return _mm512_mul_epi32(a, b); }
    static V mul64(V a, V b) { return _mm512_mullo_epi64(a, b); }
};

}  // namespace

#include "mvcore/kernels/loops.inl"

namespace mvcore::kernels {
const Table* avx512() { return &kTable; }
}  // namespace mvcore::kernels
