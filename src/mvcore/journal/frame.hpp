// A frame: 64 bytes of header and what it holds. A group, which is applied whole or not at all,
// is one frame, or several where it is large. Numbers are little-endian.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mvcore::journal {

inline constexpr std::uint64_t kMagic = 0x4A45'524F'4356'4DF2;  // F2 "MVCOREJ"
// 2: rates have times, orders a loadable rolled part; prices and rates may be withdrawn; a day roll
// keeps orders that ended for one day and may bring holdings.
// 3: instruments may be cash; a book may move cash from fills.
// Frames of formats 1 and 2 are still read.
inline constexpr std::uint16_t kFormat = 3;
inline constexpr std::uint16_t kOldestFormat = 1;
inline bool readable(std::uint16_t format) noexcept {
    return format >= kOldestFormat && format <= kFormat;
}
inline constexpr std::uint32_t kMostBytes = 1 << 20;  // that one frame holds

enum class FrameKind : std::uint16_t {
    opening = 1,  // the first of each file: whose file it is
    facts = 2,    // what one or more write calls brought, and prices before it
    prices = 3,   // prices sent alone, as they are
    seal = 4,     // the book was closed; all before it is on the disk
};

struct Header {
    std::uint64_t magic = kMagic;
    std::uint16_t format = kFormat;
    FrameKind kind = FrameKind::facts;
    std::uint32_t more = 0;      // 1: the group goes on in the next frame
    std::uint64_t book = 0;      // a random number, the same in all files of a book
    std::uint64_t sequence = 0;  // of frames, from 1
    std::uint64_t durable = 0;   // frames up to here were on the disk when this one was written
    std::uint64_t epoch = 0;     // of the book after it
    std::uint32_t size = 0;      // bytes that follow
    std::uint32_t previous = 0;  // `checksum` of the frame before
    std::uint32_t contents = 0;  // CRC-32C of the bytes that follow
    std::uint32_t checksum = 0;  // CRC-32C of the header up to here
};
static_assert(sizeof(Header) == 64);

// Header, with its checksums filled in, and contents.
std::string frame_bytes(Header& header, std::string_view contents);
// The header at the beginning of the bytes, where there is one whose checksum is right.
std::optional<Header> header_at(std::string_view bytes) noexcept;

}  // namespace mvcore::journal
