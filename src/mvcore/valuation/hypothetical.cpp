#include "mvcore/valuation/hypothetical.hpp"

#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/state/quote_stage.hpp"

namespace mvcore {
namespace {

// Removes trailing zeros of the decimals.
i256 without_zeros(const i256& value, int& scale) {
    if (value.fits64()) {  // several times faster
        std::int64_t v = value.low64();
        for (; scale > 0 && v % 10 == 0; --scale) v /= 10;
        return v;
    }
    const bool negative = value.negative();
    i256 v = value.magnitude();
    for (; scale > 0; --scale) {
        const auto [quotient, rest] = divide_unsigned(v, i256(10));
        if (!rest.zero()) break;
        v = quotient;
    }
    return negative ? -v : v;
}

// Multiplies exactly. `what()` names the number, as "the price of 'AAPL'".
template <class Name>
Decimal changed(i128 mantissa, int scale, const Decimal& factor, const char* table,
                const char* column, const std::string& text, std::size_t row, Name&& what) {
    int decimals = scale + factor.scale;
    const i256 product = without_zeros(i256(mantissa) * i256(factor.mantissa), decimals);
    const char* wrong = decimals > kMaxScale ? "more than 18 decimals" : nullptr;
    if (wrong == nullptr && !within_integer_digits(product, decimals))
        wrong = "more than 20 digits before the point";
    if (wrong != nullptr) {
        int shown = scale;
        const i128 held = without_zeros(mantissa, shown).low128();
        throw InputError(ErrorKind::invalid_input, table, column, row,
                         what() + ", " + format_decimal(held, shown) + ", changed by " +
                             quoted(text) + " has " + wrong,
                         text);
    }
    MVCORE_ASSERT(product.fits128());
    return {product.low128(), decimals};
}

// Adds to the batch the prices and rates that the changes make of those of the state.
void add_changes(const State& state, const PercentChanges& changes, Batch& batch) {
    const Board& board = state.board;
    for (const auto& change : changes.prices) {
        batch.prices_given = Given::update;
        batch.prices_computed = true;
        for (const auto i : change.instruments) {
            if (code_index(i) >= board.size()) continue;
            const Quote& quote = board.quote(i);
            if (!quote.alive || !quote.priced) continue;
            const auto name = [&] {
                return "the price of " + quoted(batch.instruments.text(raw(i)));
            };
            batch.price_rows.push_back(
                {i,
                 changed(board.price_mantissa(i), quote.price_scale, change.factor, "prices",
                         "price", change.text, change.row, name),
                 kNoTime});
        }
    }
    for (const auto& change : changes.rates) {
        const auto refuse = [&](const char* wrong) {
            throw InputError(ErrorKind::invalid_input, "fx", "rate", change.row,
                             quoted(change.text) + wrong, change.text);
        };
        if (change.factor.mantissa <= 0) refuse(" makes a rate that is not above zero");
        if (change.currency == state.base && change.factor != Decimal{1, 0})
            refuse(" cannot change the base currency's rate, which is 1");
        Rate rate = board.rate(change.currency);
        if (change.currency == state.base || !rate.known()) continue;
        batch.fx_given = Given::update;
        rate.time = kNoTime;
        if (rate.divide) {  // the quotient of rate and factor may have no end
            rate.factor = change.factor;
        } else {
            const auto name = [&] {
                return "the rate of " + quoted(batch.currencies.text(change.currency));
            };
            const Decimal product = changed(rate.mantissa, rate.scale, change.factor, "fx", "rate",
                                            change.text, change.row, name);
            rate.mantissa = product.mantissa;
            rate.scale = static_cast<std::uint8_t>(product.scale);
        }
        batch.rate_rows.push_back({change.currency, rate});
    }
}

void stage(State& state, Batch& batch) {
    const auto currencies = static_cast<std::size_t>(batch.currencies.size());
    state.board.extend(state.board.size(), currencies);
    QuoteStage quotes(state, batch);
    quotes.stage();
    quotes.reserve();
    quotes.commit();
}

}  // namespace

State hypothetical(const State& state, Batch& batch) {
    State other = state;
    stage(other, batch);
    MVCORE_ASSERT(other.epoch == state.epoch && other.masters == state.masters);
    MVCORE_ASSERT(other.positions.size() == state.positions.size());
    return other;
}

void apply_changes(State& state, const PercentChanges& changes, Batch& batch) {
    add_changes(state, changes, batch);
    stage(state, batch);
}

}  // namespace mvcore
