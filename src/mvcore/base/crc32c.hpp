// CRC-32C (Castagnoli), the checksum of iSCSI and ext4.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mvcore {

// The CRC of `size` bytes. To continue a checksum, pass the CRC of the preceding bytes as
// `previous`. Processes several GB/s.
std::uint32_t crc32c(const void* data, std::size_t size, std::uint32_t previous = 0) noexcept;

}  // namespace mvcore
