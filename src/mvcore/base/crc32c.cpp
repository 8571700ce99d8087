#include "mvcore/base/crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace mvcore {
namespace {

using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

// Slicing-by-8: table t holds the effect of a byte on the checksum after t more bytes, so that one
// step processes eight bytes.
constexpr Tables kTables = [] {
    constexpr std::uint32_t kReversed = 0x82F63B78;
    Tables tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t sum = byte;
        for (int bit = 0; bit < 8; ++bit) sum = (sum & 1U) != 0 ? sum >> 1 ^ kReversed : sum >> 1;
        tables[0][byte] = sum;
    }
    for (std::size_t t = 1; t < 8; ++t)
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const auto before = tables[t - 1][byte];
            tables[t][byte] = before >> 8 ^ tables[0][before & 0xFFU];
        }
    return tables;
}();

std::uint32_t by_tables(const unsigned char* p, std::size_t size, std::uint32_t sum) noexcept {
    for (; size >= 8; size -= 8, p += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, p, sizeof word);
        word ^= sum;
        sum = 0;
        for (std::size_t k = 0; k < 8; ++k) sum ^= kTables[7 - k][word >> (8 * k) & 0xFFU];
    }
    for (; size != 0; --size, ++p) sum = sum >> 8 ^ kTables[0][(sum ^ *p) & 0xFFU];
    return sum;
}

#if defined(__x86_64__)
// Uses the CRC32 instruction of SSE4.2, which every x86-64-v2 CPU has.
__attribute__((target("sse4.2"))) std::uint32_t by_instruction(const unsigned char* p,
                                                               std::size_t size,
                                                               std::uint32_t sum) noexcept {
    std::uint64_t wide = sum;
    for (; size >= 8; size -= 8, p += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, p, sizeof word);
        wide = _mm_crc32_u64(wide, word);
    }
    return by_tables(p, size, static_cast<std::uint32_t>(wide));
}
#endif

}  // namespace

std::uint32_t crc32c(const void* data, std::size_t size, std::uint32_t previous) noexcept {
    const auto* p = static_cast<const unsigned char*>(data);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return ~by_instruction(p, size, ~previous);
#endif
    return ~by_tables(p, size, ~previous);
}

}  // namespace mvcore
