// Finds the frames of a journal file in memory and forges their checksums.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "mvcore/base/crc32c.hpp"
#include "mvcore/journal/frame.hpp"

namespace sim {

using mvcore::journal::Header;

inline Header header_of(const std::string& bytes, std::size_t at) {
    Header header;
    std::memcpy(&header, bytes.data() + at, sizeof header);
    return header;
}

inline std::size_t end_of(const std::string& bytes, std::size_t frame) {
    return std::min<std::size_t>(bytes.size(),
                                 frame + sizeof(Header) + header_of(bytes, frame).size);
}

// Offsets of the frames from the beginning of the file. Stops at the first frame without a magic
// number and, if `whole`, at the first frame that is not whole.
inline std::vector<std::size_t> frames_of(const std::string& bytes, bool whole) {
    std::vector<std::size_t> out;
    for (std::size_t at = 0; at + sizeof(Header) <= bytes.size();) {
        const Header header = header_of(bytes, at);
        if (header.magic != mvcore::journal::kMagic) break;
        const auto begin = at + sizeof header;
        const bool right =
            mvcore::journal::header_at(std::string_view(bytes).substr(at)).has_value() &&
            begin + header.size <= bytes.size() &&
            header.contents == mvcore::crc32c(bytes.data() + begin, header.size);
        if (whole && !right) break;
        out.push_back(at);
        at = begin + header.size;
    }
    return out;
}

// Recomputes the checksums of frame `from` and of all later frames, as if they had been written so.
inline void make_valid(std::string& bytes, const std::vector<std::size_t>& frames,
                       std::size_t from) {
    std::uint32_t previous = 0;
    for (std::size_t k = from; k < frames.size(); ++k) {
        Header header = header_of(bytes, frames[k]);
        const auto at = frames[k] + sizeof header;
        const auto end = k + 1 < frames.size() ? frames[k + 1] : bytes.size();
        if (k != from) header.previous = previous;
        header.contents =
            mvcore::crc32c(bytes.data() + at, std::min<std::size_t>(header.size, end - at));
        header.checksum = mvcore::crc32c(&header, offsetof(Header, checksum));
        previous = header.checksum;
        std::memcpy(bytes.data() + frames[k], &header, sizeof header);
    }
}

}  // namespace sim
