// Functions of the C table that take only integers and pointers, for callers that cannot easily
// pass a struct by value: numba and ctypes. Codes have 64 bits, so that none is truncated.
#include <limits>

#include "mvcore/base/assert.hpp"
#include "mvcore/capi/capi.hpp"
#include "mvcore/capi/guard.hpp"

namespace mvcore::capi {
namespace {

std::int32_t known_code(bool known, std::int32_t code) { return known ? code : -1; }

// A code that does not fit becomes INT32_MIN, which is no name's code and has no other meaning.
std::int32_t narrowed(std::int64_t code) {
    return code == static_cast<std::int32_t>(code) ? static_cast<std::int32_t>(code)
                                                   : std::numeric_limits<std::int32_t>::min();
}

}  // namespace

int32_t account_code(mvcore_book* book, const char* name, size_t length) noexcept {
    Book& b = book_of(book);
    const Reading reading(b.lock());
    const auto code = b.names().accounts.find({name, length});
    return known_code(b.state().account_alive(AccountCode(code)), code);
}

int32_t currency_code(mvcore_book* book, const char* name, size_t length) noexcept {
    Book& b = book_of(book);
    const Reading reading(b.lock());
    const auto code = b.names().currencies.find({name, length});
    return known_code(b.state().currency_known(code), code);
}

int tick_scaled(mvcore_book* book, int64_t instrument, int64_t price, int64_t scale, int64_t time,
                mvcore_error* error) noexcept {
    return guarded(error, [&]() -> int {
        Book& b = book_of(book);
        b.check_writable();
        if (scale < 0 || scale > kMaxScale)
            throw InputError(ErrorKind::invalid_input, "tick", "scale", std::nullopt,
                             std::to_string(scale) + " is not in 0..18", std::to_string(scale));
        MVCORE_ASSERT(make_decimal(price, static_cast<int>(scale)));  // 64 bits always fit
        const auto code = InstrumentCode(narrowed(instrument));
        Written written;
        if (!b.try_tick(code, {price, static_cast<int>(scale)}, time, written))
            written = b.tick(code, make_decimal(price, static_cast<int>(scale)).value, time);
        static_cast<void>(remember_dropped(written));
        return MVCORE_OK;
    });
}

int value_scaled(mvcore_book* book, int64_t account, int64_t currency, int64_t* out,
                 mvcore_error* error) noexcept {
    return guarded(error, [&]() -> int {
        Book& b = book_of(book);
        b.check_open();
        const AccountValue v = b.value_by_code(AccountCode(narrowed(account)), narrowed(currency));
        for (const i128 amount : v.amount)
            if (amount != static_cast<std::int64_t>(amount))
                throw InputError(ErrorKind::value_overflow, "value", "", std::nullopt,
                                 "an amount does not fit 64 bits");
        for (std::size_t m = 0; m < kMeasures; ++m) out[m] = static_cast<std::int64_t>(v.amount[m]);
        out[kMeasures] = v.unpriced;
        out[kMeasures + 1] = static_cast<std::int64_t>(v.epoch);
        return MVCORE_OK;
    });
}

}  // namespace mvcore::capi
