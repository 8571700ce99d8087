// CRC-32C (Castagnoli), as iSCSI, ext4 and Parquet use it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mvcore {

// Of the bytes, or of what went before (`previous`) and the bytes. Some GB/s.
std::uint32_t crc32c(const void* data, std::size_t size, std::uint32_t previous = 0) noexcept;

}  // namespace mvcore
