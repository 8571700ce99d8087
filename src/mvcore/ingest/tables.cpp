#include "mvcore/ingest/tables.hpp"

#include <algorithm>
#include <functional>
#include <limits>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/ingest/codes.hpp"

namespace mvcore::text {
namespace {

// Code of an unknown name that the caller accepts. No name has this code.
constexpr std::int32_t kUnknown = std::numeric_limits<std::int32_t>::max();

// Calls f(row, chunk, index in the chunk) for each row.
template <class F>
void for_rows(const Column& column, F&& f) {
    std::size_t row = 0;
    for (const auto& chunk : column.chunks)
        for (std::size_t k = 0; k < chunk.rows; ++k) f(row++, chunk, k);
}

// Rows with the code `but` may repeat.
void refuse_twice(const std::vector<std::int32_t>& codes, const Place& place,
                  const NameOverlay& names, std::int32_t but = -1) {
    const auto first_of = [&](std::size_t row) {
        return std::size_t(std::find(codes.begin(), codes.end(), codes[row]) - codes.begin());
    };
    // A small table must not cost the size of the book.
    const bool few = codes.size() <= tuning::kSmallTableRows;
    std::vector<std::uint8_t> seen(few ? 0 : static_cast<std::size_t>(names.size()), 0);
    for (std::size_t row = 0; row < codes.size(); ++row) {
        if (codes[row] == but) continue;
        MVCORE_ASSERT(codes[row] >= 0 && codes[row] < names.size());
        if (few ? first_of(row) != row : seen[std::size_t(codes[row])] != 0)
            place.refuse_duplicate(row, quoted(names.text(codes[row])), first_of(row));
        if (!few) seen[std::size_t(codes[row])] = 1;
    }
}

// The names that other tables of the batch may use.
class Known {
public:
    Known(const NameOverlay& names, const std::vector<std::int32_t>& rows, bool only_rows,
          std::function<bool(std::int32_t)> alive)
        : names_(names), alive_(std::move(alive)), only_rows_(only_rows) {
        if (rows.empty()) return;
        named_.assign(static_cast<std::size_t>(names.size()), 0);
        for (auto code : rows) named_[std::size_t(code)] = 1;
    }
    std::int32_t operator()(std::string_view name, std::size_t) const {
        const auto code = names_.find(name);
        if (code < 0) return -1;
        if (std::size_t(code) < named_.size() && named_[std::size_t(code)] != 0) return code;
        return !only_rows_ && alive_(code) ? code : -1;
    }

private:
    const NameOverlay& names_;
    std::function<bool(std::int32_t)> alive_;
    bool only_rows_;
    std::vector<std::uint8_t> named_;
};

std::optional<Decimal> optional_decimal(const Column* column, const Place& place, std::size_t row,
                                        std::size_t& chunk, std::size_t& k) {
    static constexpr Decimal kOne{1, 0};
    if (column == nullptr) return std::nullopt;
    while (k == column->chunks[chunk].rows) ++chunk, k = 0;
    return checked_decimal(place, row, column->chunks[chunk], k++, &kOne);
}

std::int32_t currency_code(Batch& batch, const Place& place, std::size_t row,
                           std::string_view name) {
    if (name == "local")  // every read takes 'local' for something else
        place.refuse(row, "'local' cannot be a currency's name", "local");
    return batch.currencies.intern(name);
}

void fill_instruments(const Table& table, bool load, Batch& batch) {
    const Place key{"instruments", "instrument"};
    const auto codes =
        codes_of(required(table, key.table, key.column), key, "instrument",
                 [&](auto name, std::size_t) { return batch.instruments.intern(name); });
    refuse_twice(codes, key, batch.instruments);
    std::vector<std::int32_t> currency;
    const Place currency_place{"instruments", "currency"};
    if (const auto* column = table.find("currency"))
        currency = codes_of(*column, currency_place, "currency", [&](auto name, std::size_t row) {
            return currency_code(batch, currency_place, row, name);
        });
    else if (load) required(table, key.table, "currency");
    const auto* multiplier = table.find("multiplier");
    const auto* quote_factor = table.find("quote_factor");
    std::vector<bool> cash;  // null means the default
    if (const auto* column = table.find("cash"))
        for_rows(*column, [&](std::size_t, const ColumnChunk& chunk, std::size_t k) {
            cash.push_back(flag_at(chunk, k).value_or(false));
        });
    MVCORE_ASSERT(currency.empty() || currency.size() == codes.size());
    MVCORE_ASSERT(cash.empty() || cash.size() == codes.size());
    std::size_t at[4] = {};
    for (std::size_t row = 0; row < codes.size(); ++row) {
        InstrumentRow r{
            InstrumentCode(codes[row]), currency.empty() ? -1 : currency[row], {}, {}, {}};
        r.multiplier =
            optional_decimal(multiplier, {"instruments", "multiplier"}, row, at[0], at[1]);
        r.quote_factor =
            optional_decimal(quote_factor, {"instruments", "quote_factor"}, row, at[2], at[3]);
        if (!cash.empty()) r.cash = cash[row];
        else if (load) r.cash = false;
        if (load && !r.multiplier) r.multiplier = Decimal{1, 0};
        if (load && !r.quote_factor) r.quote_factor = Decimal{1, 0};
        batch.instrument_rows.push_back(r);
    }
    MVCORE_ASSERT(batch.instrument_rows.size() == codes.size());
}

void fill_rates(const State& state, const Table& table, bool load, Batch& batch) {
    const Place key{"fx", "currency"};
    const auto codes =
        codes_of(required(table, key.table, key.column), key, "currency",
                 [&](auto name, std::size_t row) { return currency_code(batch, key, row, name); });
    refuse_twice(codes, key, batch.currencies);
    const Place place{"fx", "rate"};
    for_rows(required(table, place.table, place.column),
             [&](std::size_t row, const ColumnChunk& chunk, std::size_t k) {
                 const auto d = checked_decimal(place, row, chunk, k, nullptr);
                 if (d.mantissa <= 0) place.refuse(row, chunk, k, "is not above zero");
                 if (codes[row] == state.base && d != Decimal{1, 0})
                     place.refuse(row, chunk, k, "cannot be the base currency's rate, which is 1");
                 const auto& rates = state.board.rates();
                 const bool held = !load && std::size_t(codes[row]) < rates.size() &&
                                   rates[std::size_t(codes[row])].known();
                 batch.rate_rows.push_back({codes[row],
                                            {d.mantissa, static_cast<std::uint8_t>(d.scale),
                                             held && rates[std::size_t(codes[row])].divide,
                                             table.times ? (*table.times)[row] : kNoTime}});
             });
    MVCORE_ASSERT(batch.rate_rows.size() == codes.size());
    if (const auto* method = table.find("method"))
        for_rows(*method, [&](std::size_t row, const ColumnChunk& chunk, std::size_t k) {
            bool null = false;
            const auto text = name_at(chunk, k, null);
            if (!null && text != "multiply" && text != "divide")
                Place{"fx", "method"}.refuse(row, chunk, k, "is neither 'multiply' nor 'divide'");
            batch.rate_rows[row].rate.divide = !null && text == "divide";
        });
}

void fill_prices(const Table& table, const Known& known, bool skip_unknown, Batch& batch) {
    const Place key{"prices", "instrument"};
    const auto codes = codes_of(required(table, key.table, key.column), key, "instrument",
                                [&](auto name, std::size_t row) {
                                    const auto code = known(name, row);
                                    return code < 0 && skip_unknown ? kUnknown : code;
                                });
    refuse_twice(codes, key, batch.instruments, kUnknown);
    const Place place{"prices", "price"};
    for_rows(required(table, place.table, place.column),
             [&](std::size_t row, const ColumnChunk& chunk, std::size_t k) {
                 const auto price = checked_decimal(place, row, chunk, k, nullptr);
                 if (codes[row] == kUnknown) ++batch.skipped_prices;
                 else
                     batch.price_rows.push_back({InstrumentCode(codes[row]), price,
                                                 table.times ? (*table.times)[row] : kNoTime});
             });
    MVCORE_ASSERT(batch.price_rows.size() + batch.skipped_prices == codes.size());
}

// Fast path for most books: integers of 16 or 32 bits without nulls need no decimal conversion.
bool copy_integers(const Column& column, std::vector<std::int64_t>& out) {
    for (const auto& chunk : column.chunks) {
        const auto* n = std::get_if<Numbers>(&chunk.data);
        if (n == nullptr || n->scale != 0 || chunk.validity.bits != nullptr ||
            (n->kind != Number::i32 && n->kind != Number::i16))
            return false;
    }
    for (const auto& chunk : column.chunks) {
        const auto& n = std::get<Numbers>(chunk.data);
        for (std::size_t k = 0; k < chunk.rows; ++k)
            out.push_back(n.kind == Number::i32 ? read<std::int32_t>(n.data, k)
                                                : read<std::int16_t>(n.data, k));
    }
    return true;
}

void fill_holdings(const Table& table, const Known& accounts, const Known& instruments,
                   Batch& batch) {
    auto& rows = batch.holding_rows;
    const Place account{"holdings", "account"};
    const Place instrument{"holdings", "instrument"};
    const Place quantity{"holdings", "quantity"};
    rows.account =
        codes_of(required(table, account.table, account.column), account, "account", accounts);
    rows.instrument = codes_of(required(table, instrument.table, instrument.column), instrument,
                               "instrument", instruments);
    const auto& column = required(table, quantity.table, quantity.column);
    rows.mantissa.reserve(column.rows());
    if (copy_integers(column, rows.mantissa)) return;
    for_rows(column, [&](std::size_t row, const ColumnChunk& chunk, std::size_t k) {
        rows.push_quantity(checked_decimal(quantity, row, chunk, k, nullptr));
    });
}

}  // namespace

Decimal checked_decimal(const Place& place, std::size_t row, const ColumnChunk& chunk,
                        std::size_t k, const Decimal* default_value) {
    bool null = false;
    const auto result = decimal_at(chunk, k, null);
    if (null) {
        if (default_value != nullptr) return *default_value;
        place.refuse_null(row, "a number");
    }
    if (!result) place.refuse(row, chunk, k, describe(result.fault));
    return result.value;
}

const Column& required(const Table& table, std::string_view name, std::string_view column) {
    const auto* found = table.find(column);
    if (found == nullptr)
        throw InputError(ErrorKind::invalid_input, std::string(name), std::string(column),
                         std::nullopt, "the column is missing");
    return *found;
}

Batch make_batch(const Vocabulary& names, const State& state, const Tables& tables, bool load,
                 bool skip_unknown_prices) {
    Batch batch(names);
    const Given given = load ? Given::load : Given::update;
    if (tables.accounts) {
        batch.accounts_given = given;
        const Place key{"accounts", "account"};
        batch.account_rows =
            codes_of(required(*tables.accounts, key.table, key.column), key, "account",
                     [&](auto name, std::size_t) { return batch.accounts.intern(name); });
        refuse_twice(batch.account_rows, key, batch.accounts);
    }
    std::vector<std::int32_t> instrument_codes;
    if (tables.instruments) {
        batch.instruments_given = given;
        fill_instruments(*tables.instruments, load, batch);
        for (const auto& row : batch.instrument_rows)
            instrument_codes.push_back(raw(row.instrument));
    }
    const Known accounts(batch.accounts, batch.account_rows, batch.accounts_given == Given::load,
                         [&](auto code) { return state.account_alive(AccountCode(code)); });
    const Known instruments(
        batch.instruments, instrument_codes, batch.instruments_given == Given::load,
        [&](auto code) { return state.instrument_alive(InstrumentCode(code)); });
    if (tables.fx) {
        batch.fx_given = given;
        fill_rates(state, *tables.fx, load, batch);
    }
    if (tables.prices) {
        batch.prices_given = given;
        fill_prices(*tables.prices, instruments, skip_unknown_prices, batch);
    }
    if (tables.holdings) {
        batch.holdings_given = given;
        fill_holdings(*tables.holdings, accounts, instruments, batch);
        MVCORE_ASSERT(batch.holding_rows.columns_agree());
    }
    if (tables.orders) {
        batch.orders_given = given;
        const Table& table = *tables.orders;
        auto codes = [&](const char* column, const Known& known) {
            const auto* found = table.find(column);
            return found == nullptr ? std::vector<std::int32_t>()
                                    : codes_of(*found, {"orders", column}, column, known);
        };
        auto account = codes("account", accounts);
        auto instrument = codes("instrument", instruments);
        if (load) load_orders(table, state.orders, account, instrument, batch);
        else fill_orders(table, state.orders, std::move(account), std::move(instrument), batch);
        MVCORE_ASSERT(batch.order_rows.columns_agree());
        MVCORE_ASSERT(load == (batch.loaded_orders != nullptr));
    }
    return batch;
}

std::vector<std::int32_t> account_codes(const Reader& reader, const Column& names, Place at) {
    return codes_of(names, at, "account", [&](auto name, std::size_t) {
        const auto code = reader.find(reader.names().accounts, name);
        return reader.state().account_alive(AccountCode(code)) ? code : -1;
    });
}

std::vector<std::int32_t> instrument_codes(const Reader& reader, const Column& names, Place at,
                                           bool unknown_ok) {
    auto codes = codes_of(names, at, "instrument", [&](auto name, std::size_t) {
        const auto code = reader.find(reader.names().instruments, name);
        return reader.state().instrument_alive(InstrumentCode(code)) ? code
               : unknown_ok                                          ? kUnknown
                                                                     : -1;
    });
    std::replace(codes.begin(), codes.end(), kUnknown, -1);
    return codes;
}

std::vector<std::int32_t> currency_codes(const Reader& reader, const Column& names, Place at) {
    return codes_of(names, at, "currency", [&](auto name, std::size_t) {
        const auto code = reader.find(reader.names().currencies, name);
        return reader.state().currency_known(code) ? code : -1;
    });
}

}  // namespace mvcore::text
