#include "checksum.hpp"

#include <array>
#include <cstring>

namespace mvcore {
namespace {

using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

// Table t tells what a byte does to the sum after t more bytes, so that eight bytes go at once.
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

}  // namespace

std::uint32_t crc32c(const void* data, std::size_t size, std::uint32_t previous) noexcept {
    const auto* p = static_cast<const unsigned char*>(data);
    std::uint32_t sum = ~previous;
    for (; size >= 8; size -= 8, p += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, p, sizeof word);
        word ^= sum;
        sum = 0;
        for (std::size_t k = 0; k < 8; ++k) sum ^= kTables[7 - k][word >> (8 * k) & 0xFFU];
    }
    for (; size != 0; --size, ++p) sum = sum >> 8 ^ kTables[0][(sum ^ *p) & 0xFFU];
    return ~sum;
}

}  // namespace mvcore
