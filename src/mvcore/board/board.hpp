// The board: terms, price and unit of each instrument, the rate of each currency.
#pragma once

#include <cstdint>
#include <limits>
#include <unordered_map>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/cow_vector.hpp"
#include "mvcore/base/decimal.hpp"
#include "mvcore/base/ids.hpp"
#include "mvcore/base/prefetch.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/base/wide_int.hpp"

namespace mvcore {

using UnitId = std::uint32_t;
inline constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();
// Whether a fact of time `time` is older than the stored fact of time `held`. Facts without a time
// never are.
inline bool older(std::int64_t time, std::int64_t held) noexcept {
    return time != kNoTime && held != kNoTime && time < held;
}
inline constexpr int kAccumulatorBits = 254;
inline constexpr int kNarrowBits = 62;  // prices below 2^62 differ by less than 2^63

// Number of bits that totals of a unit need, proved from the sum of absolute values.
enum class Lane : std::uint8_t { bits64, bits128, bits256 };

// The lane whose sums cannot overflow if the sum of absolute values is `bound`.
Lane lane_of(const Int<8>& bound);

// A currency at a value scale. Values of one unit add up as plain integers.
struct Unit {
    static constexpr std::int16_t kUnpriced = -1;  // the unit of positions without a price

    std::int32_t currency = 0;
    std::int16_t scale = kUnpriced;
    Lane lane = Lane::bits64;  // narrows only with a full refresh of the holdings
    Int<8> bound;              // >= the sum over its instruments of |quantity| * |price|

    [[nodiscard]] bool priced() const noexcept { return scale != kUnpriced; }
};

struct Terms {
    std::int32_t currency = -1;
    Decimal multiplier{1, 0};
    Decimal quote_factor{1, 0};
    bool cash = false;  // cash in its currency

    [[nodiscard]] bool has_factor() const noexcept {
        return multiplier != Decimal{1, 0} || quote_factor != Decimal{1, 0};
    }
};

// What a tick reads and writes: one cache line.
struct alignas(64) Quote {
    std::int64_t price = 0;         // mantissa at price_scale, times factor; 0 if `wide`
    std::int64_t time = kNoTime;    // ns since 1970 UTC
    Epoch epoch{};                  // of the last price change
    std::uint64_t last_change = 0;  // 1 + position of that change in the change log; 0: none
    std::int64_t factor = 1;        // mantissa of multiplier * quote_factor; 1 if `wide`
    std::int64_t ceiling = -1;      // |price| as counted in unit.bound; -1: use the slow path
    std::uint32_t index_row = 0;    // row in the by-account index
    UnitId unit = 0;
    std::uint8_t price_scale = 4;
    bool alive = false;
    bool priced = false;
    bool wide = false;  // price or factor beyond 64 bits, or factor 0: see Instrument
    bool loose = true;  // not in a run of the by-account index

    friend bool operator==(const Quote&, const Quote&) = default;
};
static_assert(sizeof(Quote) == 64);

// The rarely used fields of an instrument.
struct Instrument {
    Terms terms;
    i256 factor{1};  // multiplier * quote_factor = factor / 10^factor_scale
    int factor_scale = 0;
    int quantity_scale = 0;
    i256 abs_quantity;       // sum of |quantity| over the accounts
    i256 ceiling;            // as in Quote, but at any width; 0 while unpriced
    i256 wide_price;         // price mantissa * factor, if Quote::wide
    i128 wide_mantissa = 0;  // price mantissa, if Quote::wide

    // The instrument's share of its unit's bound.
    [[nodiscard]] Int<8> share() const { return Int<8>(abs_quantity) * Int<8>(ceiling); }
};

struct Rate {
    i128 mantissa = 0;  // > 0 if the rate is known
    std::uint8_t scale = 0;
    bool divide = false;  // base = amount / rate instead of amount * rate (FIX 155 with 156)
    std::int64_t time = kNoTime;
    // Of a what-if: base = amount * factor / rate. It is 1 unless `divide`, because a rate to
    // multiply with is changed itself.
    Decimal factor{1, 0};

    [[nodiscard]] bool known() const noexcept { return mantissa != 0; }
};

inline int value_scale_of(const Quote& quote, const Instrument& instrument) {
    return instrument.quantity_scale + quote.price_scale + instrument.factor_scale;
}

class Board {
public:
    [[nodiscard]] std::size_t size() const noexcept { return quotes_.size(); }
    [[nodiscard]] const Quote& quote(InstrumentCode i) const { return quotes_[code_index(i)]; }
    // For writing; see CowVector::own.
    [[nodiscard]] Quote& own_quote(InstrumentCode i) { return quotes_.own(code_index(i)); }
    void prefetch(InstrumentCode i) const noexcept {
        if (is_code(i) && code_index(i) < quotes_.size()) mvcore::prefetch(&quotes_[code_index(i)]);
    }
    [[nodiscard]] const Instrument& instrument(InstrumentCode i) const {
        return instruments_[code_index(i)];
    }
    [[nodiscard]] Instrument& own_instrument(InstrumentCode i) {
        return instruments_.own(code_index(i));
    }
    [[nodiscard]] const Unit& unit(UnitId u) const {
        MVCORE_ASSERT(u < units_.size());
        return units_[u];
    }
    [[nodiscard]] Unit& unit(UnitId u) {
        MVCORE_ASSERT(u < units_.size());
        return units_[u];
    }
    [[nodiscard]] std::size_t units() const noexcept { return units_.size(); }
    // A rate that is not known() if none was given.
    [[nodiscard]] const Rate& rate(std::int32_t currency) const {
        static constexpr Rate kNone;
        return std::size_t(currency) < rates_.size() ? rates_[std::size_t(currency)] : kNone;
    }
    void set_rates(std::vector<Rate>&& rates) noexcept {
        rates_ = std::move(rates);
        ++rates_version_;
    }
    [[nodiscard]] std::uint64_t rates_version() const noexcept { return rates_version_; }
    [[nodiscard]] const std::vector<Rate>& rates() const noexcept { return rates_; }

    // The id of the unit. Creates the unit if it is new.
    UnitId unit_of(std::int32_t currency, int scale);
    void extend(std::size_t instruments, std::size_t currencies);

    // price mantissa * factor, at any width. The instrument must have a price.
    [[nodiscard]] i256 price_of(InstrumentCode i) const {
        const auto& q = quote(i);
        return q.wide ? instrument(i).wide_price : i256(q.price);
    }
    // The price mantissa as it was given, at price_scale.
    [[nodiscard]] i128 price_mantissa(InstrumentCode i) const {
        const auto& q = quote(i);
        MVCORE_ASSERT(q.wide || (q.factor != 0 && q.price % q.factor == 0));
        return q.wide ? instrument(i).wide_mantissa : q.price / q.factor;
    }
    // Decimals of a value: quantity x price x factor of this instrument.
    [[nodiscard]] int value_scale(InstrumentCode i) const {
        return value_scale_of(quote(i), instrument(i));
    }
    // Number of instruments without a price that an account may hold.
    [[nodiscard]] std::size_t unpriced() const noexcept { return unpriced_; }
    void count_unpriced(std::ptrdiff_t change) noexcept {
        MVCORE_ASSERT(static_cast<std::ptrdiff_t>(unpriced_) + change >= 0);
        unpriced_ = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(unpriced_) + change);
    }
    // Pages copied because a snapshot held them.
    [[nodiscard]] std::uint64_t copies() const noexcept {
        return quotes_.copies() + instruments_.copies();
    }
    [[nodiscard]] std::size_t memory_bytes() const noexcept;

private:
    CowVector<Quote, tuning::kQuotesPerPage> quotes_;
    CowVector<Instrument, tuning::kInstrumentsPerPage> instruments_;
    std::vector<Unit> units_;
    std::unordered_map<std::uint64_t, UnitId> unit_ids_;  // by currency and scale
    std::vector<Rate> rates_;                             // by currency code
    std::uint64_t rates_version_ = 0;
    std::size_t unpriced_ = 0;
};

// Scales grow in steps of two, so that few units exist and instruments rarely change their unit.
inline int even_scale(int scale) { return (scale + 1) / 2 * 2; }

// Sets the exact factor multiplier * quote_factor, without trailing zeros.
void set_factor(Instrument& instrument);

// Sets the price, a mantissa at the quote's scale. The factor must be set. Returns false and
// changes nothing if price times factor does not fit 254 bits.
bool set_price(Quote& quote, Instrument& instrument, i128 mantissa);
// The bound counts a price as the next power of two less one, so that a tick rarely changes it.
i256 ceiling_of(const i256& price);
inline void set_ceiling(Quote& quote, Instrument& instrument, const i256& ceiling) {
    MVCORE_ASSERT(!ceiling.negative() && (quote.wide || ceiling.fits64()));
    MVCORE_ASSERT(quote.wide || i256(quote.price).magnitude() <= ceiling);
    instrument.ceiling = ceiling;
    quote.ceiling = quote.wide ? -1 : ceiling.low64();
}

}  // namespace mvcore
