// A frame is a header of 64 bytes and its contents. A group is applied entirely or not at all. It
// is one frame, or several if it is large. Numbers are little-endian.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mvcore/base/ids.hpp"

namespace mvcore::journal {

inline constexpr std::uint64_t kMagic = 0x4A45'524F'4356'4DF2;  // F2 "MVCOREJ"
// Format 2: rates have times, and loaded orders a rolled part; prices and rates may be withdrawn; a
// day roll keeps ended orders for one day and may bring holdings.
// Format 3: instruments may be cash; a book may move cash from fills.
// Frames of formats 1 and 2 are still read.
inline constexpr std::uint16_t kFormat = 3;
inline constexpr std::uint16_t kOldestFormat = 1;
inline bool readable(std::uint16_t format) noexcept {
    return format >= kOldestFormat && format <= kFormat;
}
inline constexpr std::uint32_t kMostBytes = 1 << 20;  // limit for the contents of one frame

enum class FrameKind : std::uint16_t {
    opening = 1,  // first frame of each file; says which book the file belongs to
    facts = 2,    // input of one or more write calls, and the prices set before it
    prices = 3,   // prices sent alone, at their present values
    seal = 4,     // the book was closed; everything before it is on disk
};

struct Header {
    std::uint64_t magic = kMagic;
    std::uint16_t format = kFormat;
    FrameKind kind = FrameKind::facts;
    std::uint32_t more = 0;      // 1: the group continues in the next frame
    std::uint64_t book = 0;      // a random number, the same in all files of a book
    std::uint64_t sequence = 0;  // number of the frame, from 1
    std::uint64_t durable = 0;   // last frame that was on disk when this one was written
    Epoch epoch{};               // epoch of the book after this frame
    std::uint32_t size = 0;      // number of bytes that follow
    std::uint32_t previous = 0;  // `checksum` of the previous frame
    std::uint32_t contents = 0;  // CRC-32C of the bytes that follow
    std::uint32_t checksum = 0;  // CRC-32C of the header up to here
};
static_assert(sizeof(Header) == 64);

// Returns header and contents. Fills in the size and the checksums of the header.
std::string frame_bytes(Header& header, std::string_view contents);
// The header at the start of the bytes. None if there is none or its checksum is wrong.
std::optional<Header> header_at(std::string_view bytes) noexcept;

}  // namespace mvcore::journal
