// Builds tables for the ingest layer from plain values. Names are a letter and a code: account 7 is
// "A7". The book assigns codes in order of first use, so the tests must introduce names in order.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mvcore/book/book.hpp"
#include "mvcore/ingest/tables.hpp"
#include "mvcore/state/batch.hpp"

namespace tables {

using mvcore::Decimal;
namespace text = mvcore::text;

inline constexpr std::array<const char*, 4> kCurrencies{"USD", "EUR", "JPY", "GBP"};

inline std::string account(int code) { return "A" + std::to_string(code); }
inline std::string instrument(int code) { return "I" + std::to_string(code); }
inline std::string currency(int code) { return kCurrencies[static_cast<std::size_t>(code)]; }

// Makes two chunks if there are at least two rows, because row numbers count across chunks.
template <class MakeChunk>
text::Column two_chunks(std::size_t rows, MakeChunk&& make) {
    text::Column column;
    const std::size_t middle = rows / 2;
    if (middle != 0) column.chunks.push_back(make(std::size_t{0}, middle));
    column.chunks.push_back(make(middle, rows));
    return column;
}

using Text = std::optional<std::string>;  // empty: null

inline text::Column texts(const std::vector<Text>& values) {
    return two_chunks(values.size(), [&](std::size_t begin, std::size_t end) {
        text::OwnedTexts owned;
        for (std::size_t k = begin; k < end; ++k) {
            owned.bytes += values[k].value_or("");
            owned.offsets.push_back(static_cast<std::int64_t>(owned.bytes.size()));
            owned.nulls.push_back(values[k] ? 0 : 1);
        }
        text::ColumnChunk chunk;
        chunk.rows = end - begin;
        chunk.data = std::move(owned);
        return chunk;
    });
}

inline text::Column decimals(const std::vector<std::optional<Decimal>>& values, bool as_text) {
    if (as_text) {
        std::vector<Text> written;
        for (const auto& v : values)
            written.push_back(v ? Text(mvcore::format_decimal(v->mantissa, v->scale)) : Text());
        return texts(written);
    }
    return two_chunks(values.size(), [&](std::size_t begin, std::size_t end) {
        text::OwnedDecimals owned;
        for (std::size_t k = begin; k < end; ++k) {
            owned.values.push_back(values[k].value_or(Decimal{}));
            owned.nulls.push_back(values[k] ? 0 : 1);
        }
        text::ColumnChunk chunk;
        chunk.rows = end - begin;
        chunk.data = std::move(owned);
        return chunk;
    });
}

// f(row) returns the value: a text or a decimal.
template <class Rows, class F>
text::Column name_column(const Rows& rows, F&& f) {
    std::vector<Text> out;
    for (const auto& row : rows) out.push_back(f(row));
    return texts(out);
}
template <class Rows, class F>
text::Column number_column(const Rows& rows, bool as_text, F&& f) {
    std::vector<std::optional<Decimal>> out;
    for (const auto& row : rows) out.push_back(f(row));
    return decimals(out, as_text);
}

struct Holding {
    int account;
    int instrument;
    Decimal quantity;
};

using Id = std::variant<std::int64_t, std::string>;  // of an order

struct OrderRow {
    Id id;
    int account = 0;
    int instrument = 0;
    Decimal quantity;
    std::optional<Decimal> filled;         // null: 0
    std::optional<mvcore::Status> status;  // null: new
    std::int64_t time = mvcore::kNoTime;
    std::optional<Decimal> rolled;  // null: 0
};

// Columns that a table of orders has besides `order`.
struct OrderColumns {
    bool account = true;
    bool instrument = true;
    bool quantity = true;
    bool filled = true;
    bool rolled = false;
    bool status = true;
    bool time = true;
};

// One write call. Absent tables do not change.
struct Change {
    bool load = false;
    bool as_text = false;      // numbers as texts, else as decimals
    bool with_terms = false;   // with columns multiplier and quote_factor; null is 1
    bool with_method = false;  // fx: with column method; without it a known rate keeps its method
    std::optional<std::vector<int>> accounts;
    std::optional<std::vector<mvcore::InstrumentRow>> instruments;
    std::optional<std::vector<mvcore::RateRow>> fx;
    std::optional<std::vector<mvcore::PriceRow>> prices;
    std::optional<std::vector<Holding>> holdings;
    std::optional<std::vector<OrderRow>> orders;
    OrderColumns order_columns;
};

inline text::Column id_column(const std::vector<Id>& ids) {
    if (ids.empty() || std::holds_alternative<std::string>(ids[0])) {
        std::vector<Text> out;
        for (const auto& id : ids) out.emplace_back(std::get<std::string>(id));
        return texts(out);
    }
    return two_chunks(ids.size(), [&](std::size_t begin, std::size_t end) {
        auto numbers = std::make_shared<std::vector<std::int64_t>>();
        for (std::size_t k = begin; k < end; ++k)
            numbers->push_back(std::get<std::int64_t>(ids[k]));
        text::ColumnChunk chunk;
        chunk.rows = end - begin;
        chunk.data = text::Numbers{text::Number::i64, numbers->data()};
        chunk.owner = numbers;
        return chunk;
    });
}

// By name or by FIX code.
inline std::string status_text(mvcore::Status status, bool by_code) {
    const auto s = static_cast<std::size_t>(status);
    return by_code ? std::string(1, "0123456789ABCDE"[s]) : std::string(mvcore::kStatusNames[s]);
}

inline text::Table orders_table(const Change& change) {
    text::Table table;
    const auto& rows = *change.orders;
    const auto& with = change.order_columns;
    std::vector<Id> ids;
    for (const auto& r : rows) ids.push_back(r.id);
    table.columns["order"] = id_column(ids);
    if (with.account)
        table.columns["account"] =
            name_column(rows, [](const auto& r) { return account(r.account); });
    if (with.instrument)
        table.columns["instrument"] =
            name_column(rows, [](const auto& r) { return instrument(r.instrument); });
    if (with.quantity)
        table.columns["order_quantity"] =
            number_column(rows, change.as_text, [](const auto& r) { return r.quantity; });
    if (with.filled)
        table.columns["filled_quantity"] =
            number_column(rows, change.as_text, [](const auto& r) { return r.filled; });
    if (with.rolled)
        table.columns["rolled_quantity"] =
            number_column(rows, change.as_text, [](const auto& r) { return r.rolled; });
    if (with.status)
        table.columns["status"] = name_column(rows, [&](const auto& r) {
            return r.status ? Text(status_text(*r.status, change.as_text)) : Text();
        });
    if (with.time)
        for (auto& times = table.times.emplace(); const auto& r : rows) times.push_back(r.time);
    return table;
}

inline text::Table instruments_table(const Change& change) {
    text::Table table;
    const auto& rows = *change.instruments;
    table.columns["instrument"] =
        name_column(rows, [](const auto& r) { return instrument(raw(r.instrument)); });
    table.columns["currency"] =
        name_column(rows, [](const auto& r) { return currency(r.currency); });
    if (!change.with_terms) return table;
    table.columns["multiplier"] =
        number_column(rows, change.as_text, [](const auto& r) { return r.multiplier; });
    table.columns["quote_factor"] =
        number_column(rows, change.as_text, [](const auto& r) { return r.quote_factor; });
    return table;
}

inline text::Table fx_table(const Change& change) {
    text::Table table;
    const auto& rows = *change.fx;
    table.columns["currency"] =
        name_column(rows, [](const auto& r) { return currency(r.currency); });
    table.columns["rate"] = number_column(
        rows, change.as_text, [](const auto& r) { return Decimal{r.rate.mantissa, r.rate.scale}; });
    if (change.with_method)
        table.columns["method"] = name_column(
            rows, [](const auto& r) { return Text(r.rate.divide ? "divide" : "multiply"); });
    for (auto& times = table.times.emplace(); const auto& r : rows) times.push_back(r.rate.time);
    return table;
}

inline text::Tables to_tables(const Change& change) {
    text::Tables out;
    if (change.accounts)
        out.accounts.emplace().columns["account"] = name_column(*change.accounts, account);
    if (change.instruments) out.instruments = instruments_table(change);
    if (change.fx) out.fx = fx_table(change);
    if (change.prices) {
        auto& table = out.prices.emplace();
        table.columns["instrument"] = name_column(
            *change.prices, [](const auto& r) { return instrument(raw(r.instrument)); });
        table.columns["price"] =
            number_column(*change.prices, change.as_text, [](const auto& r) { return r.price; });
        auto& times = table.times.emplace();
        for (const auto& row : *change.prices) times.push_back(row.time);
    }
    if (change.holdings) {
        auto& table = out.holdings.emplace();
        table.columns["account"] =
            name_column(*change.holdings, [](const auto& r) { return account(r.account); });
        table.columns["instrument"] =
            name_column(*change.holdings, [](const auto& r) { return instrument(r.instrument); });
        table.columns["quantity"] = number_column(*change.holdings, change.as_text,
                                                  [](const auto& r) { return r.quantity; });
    }
    if (change.orders) out.orders = orders_table(change);
    return out;
}

inline mvcore::Epoch apply(mvcore::Book& book, const text::Tables& given, bool load) {
    mvcore::Writing writing(book.lock());
    auto batch = text::make_batch(book.names(), book.state(), given, load);
    return book.apply(batch, writing);
}
inline mvcore::Epoch apply(mvcore::Book& book, const Change& change) {
    return apply(book, to_tables(change), change.load);
}

inline mvcore::Epoch remove(mvcore::Book& book, const std::vector<int>& accounts,
                            const std::vector<int>& instruments,
                            const std::vector<Id>& orders = {}) {
    const auto account_names = name_column(accounts, account);
    const auto instrument_names = name_column(instruments, instrument);
    const auto ids = id_column(orders);
    mvcore::Writing writing(book.lock());
    mvcore::Batch batch(book.names());
    batch.removed_accounts = text::account_codes(book, account_names, {"remove", "accounts"});
    batch.removed_instruments =
        text::instrument_codes(book, instrument_names, {"remove", "instruments"});
    batch.removed_orders = text::order_ids(ids, book.state().orders.kind(), {"remove", "orders"});
    return book.apply(batch, writing);
}

inline mvcore::Epoch withdraw(mvcore::Book& book, const std::vector<int>& instruments,
                              const std::vector<int>& currencies) {
    const auto prices = name_column(instruments, instrument);
    const auto fx = name_column(currencies, currency);
    mvcore::Writing writing(book.lock());
    mvcore::Batch batch(book.names());
    batch.removed_prices = text::instrument_codes(book, prices, {"remove", "prices"});
    batch.removed_rates = text::currency_codes(book, fx, {"remove", "fx"});
    return book.apply(batch, writing);
}

// A day roll that starts from the given holdings.
inline mvcore::Epoch roll_day(mvcore::Book& book, const Change& custodian) {
    mvcore::Writing writing(book.lock());
    auto batch = text::make_batch(book.names(), book.state(), to_tables(custodian), true);
    batch.roll_day = true;
    return book.apply(batch, writing);
}

// Takes the fast path if possible, else the general one.
inline mvcore::Epoch order(mvcore::Book& book, const OrderRow& row) {
    const auto names = std::pair(account(row.account), instrument(row.instrument));
    const auto* text = std::get_if<std::string>(&row.id);
    const auto* number = std::get_if<std::int64_t>(&row.id);
    const mvcore::OrderFact fact{{number != nullptr ? *number : 0,
                                  text != nullptr ? std::string_view(*text) : std::string_view()},
                                 text != nullptr ? mvcore::IdKind::text : mvcore::IdKind::integer,
                                 names.first,
                                 names.second,
                                 row.quantity,
                                 row.filled.value_or(Decimal{}),
                                 {},
                                 row.status.value_or(mvcore::Status::created),
                                 row.time};
    mvcore::Written epoch;
    return book.try_order(fact, epoch) ? epoch : book.order(fact);
}

}  // namespace tables
