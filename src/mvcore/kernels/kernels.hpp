// The loops over quantities: one table of functions per instruction set.
//
// A quantity column is an array of integers of one Width. `price` is the integer price of the
// instrument (or the difference of two). Sums are modulo 2^64 or 2^128. Callers prove that the
// final total fits, so it is exact even if intermediate sums wrap (docs/decisions/0001).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mvcore/base/tuning.hpp"

namespace mvcore::kernels {

enum Width : std::uint8_t { w8 = 0, w16, w32, w64, w128 };
inline constexpr int kWidths = 5;
inline constexpr std::size_t width_bytes(Width w) { return std::size_t{1} << w; }

struct Table {
    const char* isa;
    // totals[k] += quantity[k] * price
    void (*add64[kWidths])(const void* quantity, std::size_t n, std::int64_t price,
                           std::int64_t* totals);
    void (*add128[kWidths])(const void* quantity, std::size_t n, std::int64_t price,
                            __int128* totals);
    // totals[k] += sum over the tuning::kFan columns of quantity[c][k] * price[c]. Prefetches the
    // columns `next` meanwhile, unless it is null.
    void (*add_fan64[kWidths])(const void* const* quantity, const std::int64_t* price,
                               std::size_t n, std::int64_t* totals, const void* const* next);
    // totals[offset[k]] += quantity[k] * price
    void (*scatter64[kWidths])(const void* quantity, const std::uint16_t* offset, std::size_t n,
                               std::int64_t price, std::int64_t* totals);
    void (*scatter128[kWidths])(const void* quantity, const std::uint16_t* offset, std::size_t n,
                                std::int64_t price, __int128* totals);
    // sum of quantity[k] * price[k]; `narrow`: every price fits 32 bits
    std::int64_t (*dot64[kWidths])(const void* quantity, const std::int64_t* price, std::size_t n,
                                   bool narrow);
    __int128 (*dot128[kWidths])(const void* quantity, const std::int64_t* price, std::size_t n);
    // sum of quantity[k]
    std::int64_t (*sum64[kWidths])(const void* quantity, std::size_t n);
    // products[k] = quantity[k] * factor, modulo 2^64; not for w128. Returns the bitwise or of all
    // quantities, the negative ones inverted, which bounds the products.
    std::uint64_t (*multiply64[w128])(const void* quantity, std::size_t n, std::int64_t factor,
                                      std::int64_t* products);
    // The same for records of 16 bytes, whose second 32-bit integer is the quantity.
    std::uint64_t (*multiply_second)(const void* records, std::size_t n, std::int64_t factor,
                                     std::int64_t* products);
    // counts[k] += 1 for each k at which any of the 1 or 3 columns is not 0
    void (*count[kWidths])(const void* const* quantity, int columns, std::size_t n,
                           std::uint32_t* counts);
    // number of k at which any of the columns is not 0
    std::size_t (*nonzero[kWidths])(const void* const* quantity, int columns, std::size_t n);
};

// The table of each instruction set; null if this build lacks it. These functions do not check the
// CPU; of_this_cpu() does.
const Table* baseline();
const Table* avx2();
const Table* avx512();

// The table of that name; null if the name is unknown or the CPU lacks the instructions.
const Table* of_this_cpu(std::string_view isa);

// The table in use, chosen once: the best that the CPU supports, or the one MVCORE_ISA names.
// Throws std::runtime_error if MVCORE_ISA names no table that works here.
const Table& table();

}  // namespace mvcore::kernels
