// Kernels for x86-64-v3, compiled with -march=x86-64-v3. No code of this file may run before
// dispatch.cpp has checked the CPU.
#include "mvcore/kernels/kernels.hpp"

#include <immintrin.h>

#include <cstring>

namespace {

struct Isa {
    static constexpr const char* name = "avx2";
    static constexpr std::size_t lanes = 4;
    using V = __m256i;
    static V load(const std::int8_t* p) {
        int bytes;
        std::memcpy(&bytes, p, 4);
        return _mm256_cvtepi8_epi64(_mm_cvtsi32_si128(bytes));
    }
    static V load(const std::int16_t* p) {
        return _mm256_cvtepi16_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    }
    static V load(const std::int32_t* p) {
        return _mm256_cvtepi32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    }
    static V load(const std::int64_t* p) {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    }
    static V load(const __int128* p) {  // the low words: sums are modulo 2^64
        const V a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
        const V b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 2));
        return _mm256_permute4x64_epi64(_mm256_unpacklo_epi64(a, b), 0b11011000);
    }
    static V load_second(const void* p) {
        const auto* records = static_cast<const __m256i*>(p);
        const V both =
            _mm256_unpacklo_epi64(_mm256_loadu_si256(records), _mm256_loadu_si256(records + 1));
        const V seconds = _mm256_permute4x64_epi64(both, 0b11011000);
        const V low = _mm256_shuffle_epi32(seconds, 0b11110101);
        return _mm256_blend_epi32(low, _mm256_srai_epi32(seconds, 31), 0b10101010);
    }
    static void store(std::int64_t* p, V v) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
    }
    static V set1(std::int64_t v) { return _mm256_set1_epi64x(v); }
    static V add(V a, V b) { return _mm256_add_epi64(a, b); }
    static V either(V a, V b) { return _mm256_or_si256(a, b); }
    static V unsigned_bits(V v) {
        return _mm256_xor_si256(v, _mm256_cmpgt_epi64(_mm256_setzero_si256(), v));
    }
    static V mul32(V a, V b) { return _mm256_mul_epi32(a, b); }
    static V mul64(V a, V b) {
        const V cross = _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(a, 32), b),
                                         _mm256_mul_epu32(a, _mm256_srli_epi64(b, 32)));
        return _mm256_add_epi64(_mm256_mul_epu32(a, b), _mm256_slli_epi64(cross, 32));
    }
};

}  // namespace

#include "mvcore/kernels/loops.inl"

namespace mvcore::kernels {
const Table* avx2() { return &kTable; }
}  // namespace mvcore::kernels
