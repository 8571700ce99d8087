#pragma once

#include "mvcore/capi/capi.h"

namespace mvcore::capi {

// Functions of the table with plain arguments; see capi.h.
int32_t account_code(mvcore_book* book, const char* name, size_t length) noexcept;
int32_t currency_code(mvcore_book* book, const char* name, size_t length) noexcept;
int tick_scaled(mvcore_book* book, int64_t instrument, int64_t price, int64_t scale, int64_t time,
                mvcore_error* error) noexcept;
int value_scaled(mvcore_book* book, int64_t account, int64_t currency, int64_t* out,
                 mvcore_error* error) noexcept;

// The one C table of this process.
const mvcore_capi* table() noexcept;

}  // namespace mvcore::capi
