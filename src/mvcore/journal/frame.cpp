#include "mvcore/journal/frame.hpp"

#include <bit>
#include <cstddef>
#include <cstring>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/crc32c.hpp"

namespace mvcore::journal {

static_assert(std::endian::native == std::endian::little);

std::string frame_bytes(Header& header, std::string_view contents) {
    header.size = static_cast<std::uint32_t>(contents.size());
    header.contents = crc32c(contents.data(), contents.size());
    header.checksum = crc32c(&header, offsetof(Header, checksum));
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    bytes += contents;
    MVCORE_ASSERT(bytes.size() == sizeof header + header.size);
    return bytes;
}

std::optional<Header> header_at(std::string_view bytes) noexcept {
    Header header;
    if (bytes.size() < sizeof header) return std::nullopt;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.magic != kMagic || header.checksum != crc32c(&header, offsetof(Header, checksum)))
        return std::nullopt;
    return header;
}

}  // namespace mvcore::journal
