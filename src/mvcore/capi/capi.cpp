// Fills the C table. No function of it throws.
#include "mvcore/capi/capi.hpp"

#include <algorithm>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/capi/guard.hpp"

namespace mvcore::capi {
namespace {

mvcore_decimal to_c(i128 mantissa, int scale) {
    return {static_cast<std::uint64_t>(mantissa), static_cast<std::int64_t>(mantissa >> 64), scale};
}

i128 mantissa_of(const mvcore_decimal& d) {
    return static_cast<i128>(static_cast<u128>(d.high) << 64 | d.low);
}

// An argument of a call, for error messages.
struct Argument {
    const char* call;
    const char* name;

    [[noreturn]] void refuse(const std::string& value, const std::string& reason,
                             InputError::Row row = std::nullopt) const {
        throw InputError(ErrorKind::invalid_input, call, name, row, value + " " + reason, value);
    }
};
constexpr Argument kTickPrice{"tick", "price"};

// text() returns the number as text, for the message.
template <class Text>
Decimal checked(const Argument& argument, const DecimalResult& result, Text&& text) {
    if (!result) argument.refuse(text(), describe(result.fault));
    return result.value;
}

// The caller's struct may hold any bits.
void check_scale(const mvcore_decimal& d) {
    if (d.scale < 0 || d.scale > kMaxScale)
        Argument{"tick", "scale"}.refuse(std::to_string(d.scale), "is not in 0..18");
}

Decimal checked_decimal(const mvcore_decimal& d) {
    return checked(kTickPrice, make_decimal(mantissa_of(d), d.scale),
                   [&] { return format_decimal(mantissa_of(d), d.scale); });
}

// Fast path: most prices have at most four decimals, which every price scale holds. Trailing zeros
// may stay.
inline bool four_decimals(double value, int64_t& mantissa) noexcept {
    constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
    const double scaled = value * 1e4;
    const double whole = (scaled + kRound) - kRound;
    if (!(scaled > -1e15 && scaled < 1e15) || whole / 1e4 != value) return false;
    mantissa = static_cast<int64_t>(whole);
    MVCORE_ASSERT(static_cast<double>(mantissa) == whole);
    return true;
}

DecimalResult price_of(double value) noexcept {
    int64_t mantissa = 0;
    if (four_decimals(value, mantissa)) return {{mantissa, 4}, DecimalFault::none};
    return decimal_of(value);
}

int parse(const char* text, size_t length, mvcore_decimal* out, mvcore_error* error) noexcept {
    const auto result = parse_decimal({text, length});
    if (result) {
        *out = to_c(result.value.mantissa, result.value.scale);
        return MVCORE_OK;
    }
    return guarded(error, [&]() -> int {
        checked({"parse_decimal", "text"}, result,
                [&] { return quoted({text, std::min<size_t>(length, 100)}); });
        return MVCORE_OK;
    });
}

int of_double(double value, mvcore_decimal* out, mvcore_error* error) noexcept {
    return guarded(error, [&] {
        const auto d = checked({"decimal_of_double", "value"}, price_of(value),
                               [&] { return shortest_text(value); });
        *out = to_c(d.mantissa, d.scale);
        return MVCORE_OK;
    });
}

int format(mvcore_decimal value, char* buffer) noexcept {
    if (value.scale < 0 || value.scale > kMaxAmountDigits) return 0;
    return format_decimal(mantissa_of(value), value.scale, buffer);
}

int32_t code_of(mvcore_book* book, const char* name, size_t length) noexcept {
    Book& b = book_of(book);
    const Reading reading(b.lock());
    const auto code = b.names().instruments.find({name, length});
    return b.state().instrument_alive(InstrumentCode(code)) ? code : -1;
}

int tick(mvcore_book* book, int32_t instrument, mvcore_decimal price, int64_t time, int wait,
         uint64_t* epoch, mvcore_error* error) noexcept {
    return guarded(error, [&]() -> int {
        Book& b = book_of(book);
        b.check_writable();
        check_scale(price);
        const Decimal d{mantissa_of(price), price.scale};
        const auto code = InstrumentCode(instrument);
        Written written;
        if (!b.try_tick(code, d, time, written)) {
            if (wait == 0) return MVCORE_BUSY;
            written = b.tick(code, checked_decimal(price), time);
        }
        *epoch = remember_dropped(written);
        return MVCORE_OK;
    });
}

int tick_named(mvcore_book* book, const char* name, size_t length, mvcore_decimal price,
               int64_t time, int wait, uint64_t* epoch, mvcore_error* error) noexcept {
    return guarded(error, [&]() -> int {
        Book& b = book_of(book);
        b.check_writable();
        check_scale(price);
        const Decimal d{mantissa_of(price), price.scale};
        const std::string_view instrument(name, length);
        Written written;
        if (!b.try_tick(instrument, d, time, written)) {
            if (wait == 0) return MVCORE_BUSY;
            written = b.tick(instrument, checked_decimal(price), time);
        }
        *epoch = remember_dropped(written);
        return MVCORE_OK;
    });
}

// price(k, row, mantissa) fills the row's mantissa and scale. If the mantissa does not fit 64 bits,
// it returns false and stores the mantissa in its third argument. Reads each element once and
// checks that copy, because another thread may write the array.
template <class F>
int many(mvcore_book* book, const int32_t* instruments, const int64_t* times, size_t count,
         uint64_t* epoch, mvcore_error* error, F&& price) noexcept {
    return guarded(error, [&] {
        Book& b = book_of(book);
        b.check_writable();
        thread_local std::vector<TickRow> kept;  // reused for batches of the usual size
        if (kept.capacity() > tuning::kKeptTicks) kept = std::vector<TickRow>();
        kept.resize(count);
        TickRow* const rows = kept.data();
        std::vector<std::pair<size_t, i128>> wide;
        for (size_t k = 0; k < count; ++k) {
            rows[k].instrument = InstrumentCode(instruments[k]);
            rows[k].time = times != nullptr ? times[k] : MVCORE_NO_TIME;
            i128 mantissa = 0;
            if (!price(k, rows[k], mantissa)) wide.emplace_back(k, mantissa);
            MVCORE_ASSERT(rows[k].scale >= 0 && rows[k].scale <= kMaxScale);
        }
        if (wide.empty()) {
            *epoch = remember_dropped(b.ticks(kept));
            return MVCORE_OK;
        }
        std::vector<PriceRow> prices;
        for (const auto& row : kept)
            prices.push_back({row.instrument, {row.mantissa, row.scale}, row.time});
        for (const auto& [k, mantissa] : wide) prices[k].price.mantissa = mantissa;
        *epoch = remember_dropped(b.ticks(prices));
        return MVCORE_OK;
    });
}

int ticks(mvcore_book* book, const int32_t* instruments, const int64_t* prices, int32_t scale,
          const int64_t* times, size_t count, uint64_t* epoch, mvcore_error* error) noexcept {
    if (scale < 0 || scale > kMaxScale)
        return guarded(error, [&]() -> int {
            Argument{"ticks", "scale"}.refuse(std::to_string(scale), "is not in 0..18");
        });
    return many(book, instruments, times, count, epoch, error, [=](size_t k, TickRow& row, i128&) {
        row.mantissa = prices[k];
        row.scale = scale;
        return true;
    });
}

int ticks_double(mvcore_book* book, const int32_t* instruments, const double* prices,
                 const int64_t* times, size_t count, uint64_t* epoch,
                 mvcore_error* error) noexcept {
    return many(
        book, instruments, times, count, epoch, error, [=](size_t k, TickRow& row, i128& wide) {
            const double price = prices[k];
            row.scale = 4;
            if (four_decimals(price, row.mantissa)) return true;
            const auto d = decimal_of(price);
            if (!d) Argument{"ticks", "price"}.refuse(shortest_text(price), describe(d.fault), k);
            row.scale = d.value.scale;
            row.mantissa = static_cast<int64_t>(d.value.mantissa);
            wide = d.value.mantissa;
            return row.mantissa == wide;
        });
}

Decimal quantity_of(const mvcore_decimal& d, const char* column) {
    const bool scaled = d.scale >= 0 && d.scale <= kMaxScale;
    const auto result = make_decimal(mantissa_of(d), scaled ? d.scale : 0);
    if (scaled && result) return result.value;
    const Argument argument{"order", column};
    if (!scaled) argument.refuse(std::to_string(d.scale), "is a scale that is not in 0..18");
    argument.refuse(format_decimal(mantissa_of(d), d.scale), describe(result.fault));
}

OrderFact fact_of(const mvcore_order& o) {
    OrderFact fact{};
    fact.kind = o.id_text != nullptr ? IdKind::text : IdKind::integer;
    if (o.id_text != nullptr) fact.id.text = {o.id_text, o.id_length};
    else fact.id.number = o.id_number;
    if (o.id_text != nullptr && (o.id_length == 0 || o.id_length > TextArena::kMostBytes))
        throw InputError(ErrorKind::invalid_input, "order", "order", std::nullopt,
                         quoted(fact.id.text) + " has " + std::to_string(o.id_length) +
                             " bytes; expected 1 to 1,024",
                         std::string(fact.id.text));
    for (const auto& [name, length] :
         {std::pair("account", o.account_length), std::pair("instrument", o.instrument_length)})
        if (length == 0)
            throw InputError(ErrorKind::invalid_input, "order", name, std::nullopt, "'' is empty",
                             "");
    fact.account = {o.account, o.account_length};
    fact.instrument = {o.instrument, o.instrument_length};
    fact.quantity = quantity_of(o.order_quantity, "order_quantity");
    fact.filled = quantity_of(o.filled_quantity, "filled_quantity");
    const std::string_view status(o.status, o.status_length);
    const auto known = status_of(status);
    if (!known)
        throw InputError(ErrorKind::invalid_input, "order", "status", std::nullopt,
                         unknown_status(status), std::string(status));
    fact.status = *known;
    fact.time = o.time;
    return fact;
}

int order_priced(mvcore_book* book, const mvcore_order* given, const mvcore_decimal* average_price,
                 int wait, uint64_t* epoch, mvcore_error* error) noexcept {
    return guarded(error, [&]() -> int {
        Book& b = book_of(book);
        b.check_writable();
        OrderFact fact = fact_of(*given);
        if (average_price != nullptr) {
            const Decimal price = quantity_of(*average_price, "average_price");
            fact.average_price = {price.mantissa, price.scale};
        }
        Written written;
        if (!b.try_order(fact, written)) {
            if (wait == 0) return MVCORE_BUSY;
            written = b.order(fact);
        }
        *epoch = remember_dropped(written);
        return MVCORE_OK;
    });
}

int order(mvcore_book* book, const mvcore_order* given, int wait, uint64_t* epoch,
          mvcore_error* error) noexcept {
    return order_priced(book, given, nullptr, wait, epoch, error);
}

int value(mvcore_book* book, const char* account, size_t account_length, const char* currency,
          size_t currency_length, int wait, mvcore_valuation* out, mvcore_error* error) noexcept {
    return guarded(error, [&]() -> int {
        Book& b = book_of(book);
        b.check_open();
        const std::string_view name(account, account_length);
        const auto asked =
            currency == nullptr ? std::string_view() : std::string_view(currency, currency_length);
        if (currency != nullptr && currency_length == 0)
            throw InputError(ErrorKind::unknown_id, "value", "currency", std::nullopt,
                             "unknown currency ''", "");
        AccountValue v;
        if (!b.try_value(name, asked, v)) {
            if (wait == 0) return MVCORE_BUSY;
            v = b.value(name, asked);
        }
        out->sod = to_c(v.amount[sod], b.value_scale());
        out->current = to_c(v.amount[current], b.value_scale());
        out->expected = to_c(v.amount[expected], b.value_scale());
        out->unpriced = v.unpriced;
        out->epoch = raw(v.epoch);
        return MVCORE_OK;
    });
}

int last_dropped(mvcore_dropped* out) noexcept {
    const Dropped& last = last_dropped_of_thread();
    if (!last.any()) return 0;
    *out = {last.late_prices, last.late_orders, last.late_fx, last.unchanged_orders,
            last.skipped_prices};
    return 1;
}

int last_fault(mvcore_fault* out) noexcept {
    const LastFault& last = last_fault_of_thread();
    if (last.text.empty()) return 0;
    *out = {last.text.c_str(),   last.reason.c_str(), last.table.c_str(),
            last.column.c_str(), last.value.c_str(),  last.row};
    return 1;
}

}  // namespace

const mvcore_capi* table() noexcept {
    static const mvcore_capi capi = {
        MVCORE_CAPI_VERSION,
        sizeof(mvcore_capi),
        parse,
        of_double,
        format,
        code_of,
        tick,
        tick_named,
        ticks,
        ticks_double,
        value,
        order,
        account_code,
        currency_code,
        tick_scaled,
        value_scaled,
        last_dropped,
        order_priced,
        last_fault,
    };
    return &capi;
}

}  // namespace mvcore::capi
