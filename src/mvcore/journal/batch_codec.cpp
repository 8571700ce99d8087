#include "mvcore/journal/batch_codec.hpp"

#include <algorithm>

#include "mvcore/base/assert.hpp"

namespace mvcore::journal {
namespace {

constexpr std::uint64_t kMostText = std::uint64_t{1} << 31;

// ---- names ----

void encode_names(Encoder& out, const Names& names, std::int32_t known) {
    MVCORE_ASSERT(known >= 0 && known <= names.size());  // names are never taken back
    out.number(static_cast<u128>(known));
    out.number(static_cast<u128>(names.size() - known));
    for (auto code = known; code < names.size(); ++code) out.text(names.text(code));
}

void decode_names(Decoder& in, const Names& held, NameOverlay& names) {
    if (in.number(kMostText) != static_cast<std::uint64_t>(held.size()))
        corrupt("names are missing");
    const auto count = in.count(2);
    if (count + static_cast<std::uint64_t>(held.size()) > kMostText - 1) corrupt("too many names");
    for (std::size_t k = 0; k < count; ++k) {
        const auto code = names.size();
        if (names.intern(decode_name(in, kMostText)) != code) corrupt("duplicate name");
    }
}

// One flag per code. Empty if there are no rows, so that a small batch costs little in a large
// book.
std::vector<std::uint8_t> flags(std::size_t rows, std::int32_t size) {
    return std::vector<std::uint8_t>(rows != 0 ? static_cast<std::size_t>(size) : 0, 0);
}

// Decodes codes below `size`; refuses duplicates.
std::vector<std::int32_t> decode_codes(Decoder& in, std::int32_t size) {
    std::vector<std::int32_t> out;
    const auto count = in.count(1);
    out.reserve(count);
    auto seen = flags(count, size);
    for (std::size_t k = 0; k < count; ++k) {
        const auto code = in.number(kMostText);
        if (code >= static_cast<std::uint64_t>(size)) corrupt("a code has no name");
        if (seen[code] != 0) corrupt("duplicate code");
        seen[code] = 1;
        out.push_back(static_cast<std::int32_t>(code));
    }
    return out;
}

void encode_codes(Encoder& out, const std::vector<std::int32_t>& codes) {
    out.number(codes.size());
    MVCORE_ASSERT(std::all_of(codes.begin(), codes.end(), [](auto code) { return code >= 0; }));
    for (const auto code : codes) out.number(static_cast<u128>(code));
}

// ---- master tables ----

void encode_optional(Encoder& out, const std::optional<Decimal>& d) {
    out.byte(d ? 1 : 0);
    if (d) out.decimal(*d);
}

std::optional<Decimal> decode_optional(Decoder& in) {
    return in.flag() ? std::optional(in.decimal()) : std::nullopt;
}

void encode_instruments(Encoder& out, const std::vector<InstrumentRow>& rows) {
    std::vector<std::int32_t> codes;
    codes.reserve(rows.size());
    for (const auto& row : rows) codes.push_back(raw(row.instrument));
    encode_codes(out, codes);
    for (const auto& row : rows) {
        MVCORE_ASSERT(is_code(row.instrument) && row.currency >= -1);
        out.number(static_cast<u128>(row.currency + 1));
        encode_optional(out, row.multiplier);
        encode_optional(out, row.quote_factor);
        out.number(row.cash ? 1U + (*row.cash ? 1U : 0U) : 0U);
    }
}

void decode_instruments(Decoder& in, std::uint16_t format, Batch& batch) {
    for (const auto code : decode_codes(in, batch.instruments.size())) {
        InstrumentRow row{InstrumentCode(code), -1, {}, {}, {}};
        row.currency = static_cast<std::int32_t>(
                           in.number(static_cast<std::uint64_t>(batch.currencies.size()))) -
                       1;
        row.multiplier = decode_optional(in);
        row.quote_factor = decode_optional(in);
        if (format >= 3)
            if (const auto cash = in.number(2); cash != 0) row.cash = cash == 2;
        batch.instrument_rows.push_back(row);
    }
}

void encode_rates(Encoder& out, const std::vector<RateRow>& rows) {
    out.number(rows.size());
    for (const auto& row : rows) {
        MVCORE_ASSERT(row.currency >= 0 && row.rate.known() && row.rate.mantissa > 0);
        out.number(static_cast<u128>(row.currency));
        out.byte(row.rate.divide ? 1 : 0);
        out.decimal({row.rate.mantissa, row.rate.scale});
        encode_time(out, row.rate.time);
    }
}

void decode_rates(Decoder& in, std::uint16_t format, Batch& batch) {
    const auto count = in.count(4);
    for (std::size_t k = 0; k < count; ++k) {
        RateRow row{};
        row.currency = static_cast<std::int32_t>(in.number(kMostText));
        if (row.currency >= batch.currencies.size()) corrupt("a rate is of no currency");
        row.rate.divide = in.flag();
        const Decimal d = in.decimal();
        if (d.mantissa <= 0) corrupt("a rate is not more than 0");
        row.rate.mantissa = d.mantissa;
        row.rate.scale = static_cast<std::uint8_t>(d.scale);
        if (format >= 2) row.rate.time = decode_time(in);
        batch.rate_rows.push_back(row);
    }
}

// ---- holdings ----

void encode_holdings(Encoder& out, const HoldingRows& rows) {
    MVCORE_ASSERT(rows.columns_agree());
    out.number(rows.size());
    for (std::size_t k = 0; k < rows.size(); ++k) {
        out.number(static_cast<u128>(rows.account[k]));
        out.number(static_cast<u128>(rows.instrument[k]));
        out.decimal({rows.mantissa_at(k), rows.scale_at(k)});
    }
}

void decode_holdings(Decoder& in, const KnownCodes& known, HoldingRows& rows) {
    const auto count = in.count(4);
    rows.account.reserve(count);
    rows.instrument.reserve(count);
    rows.mantissa.reserve(count);
    for (std::size_t k = 0; k < count; ++k) {
        rows.account.push_back(raw(known.account(in)));
        rows.instrument.push_back(raw(known.instrument(in)));
        rows.push_quantity(in.decimal());
    }
    MVCORE_ASSERT(rows.columns_agree() && rows.size() == count);
}

Given decode_given(Decoder& in) { return static_cast<Given>(in.number(2)); }

void encode_price_table(Encoder& out, const Batch& batch) {
    out.byte(static_cast<std::uint8_t>(batch.prices_given));
    encode_prices(out, batch.price_rows);
}

// The codes to which the rest of the batch may refer.
KnownCodes known_codes(const State& state, const Batch& batch) {
    KnownCodes known{state, batch.accounts_given != Given::load,
                     batch.instruments_given != Given::load,
                     flags(batch.account_rows.size(), batch.accounts.size()),
                     flags(batch.instrument_rows.size(), batch.instruments.size())};
    for (const auto code : batch.account_rows) known.accounts[std::size_t(code)] = 1;
    for (const auto& row : batch.instrument_rows) known.instruments[code_index(row.instrument)] = 1;
    return known;
}

void decode_price_rows(Decoder& in, const KnownCodes& known, std::vector<PriceRow>& rows) {
    const auto count = in.count(5);
    rows.reserve(count);
    for (std::size_t k = 0; k < count; ++k) {
        PriceRow row{known.instrument(in), in.decimal(), kNoTime};
        if (in.flag()) row.time = in.integer64();
        row.epoch = Epoch{in.number(~std::uint64_t{0})};
        rows.push_back(row);
    }
}

void decode_removed(Decoder& in, const BookState& book_state, std::uint16_t format, Decoded& out) {
    Batch& batch = out.batch;
    const auto alive = [](const auto& codes, auto&& f) {
        if (!std::all_of(codes.begin(), codes.end(), f)) corrupt("what is removed is not there");
    };
    batch.removed_accounts = decode_codes(in, book_state.names.accounts.size());
    alive(batch.removed_accounts,
          [&](auto a) { return book_state.state.account_alive(AccountCode(a)); });
    batch.removed_instruments = decode_codes(in, book_state.names.instruments.size());
    alive(batch.removed_instruments,
          [&](auto i) { return book_state.state.instrument_alive(InstrumentCode(i)); });
    const auto count = in.count(1);
    const IdKind kind = book_state.state.orders.kind();
    if (count != 0 && kind == IdKind::none) corrupt("an order is removed where there is none");
    for (std::size_t k = 0; k < count; ++k)
        batch.removed_orders.push_back(decode_id(in, kind, out.texts));
    if (format < 2) return;
    batch.removed_prices = decode_codes(in, book_state.names.instruments.size());
    alive(batch.removed_prices,
          [&](auto i) { return book_state.state.instrument_alive(InstrumentCode(i)); });
    batch.removed_rates = decode_codes(in, book_state.names.currencies.size());
    alive(batch.removed_rates, [&](auto c) { return c != book_state.state.base; });
}

}  // namespace

std::string decode_name(Decoder& in, std::uint64_t most_bytes) {
    auto text = in.text(most_bytes);
    if (text.empty()) corrupt("a name is empty");
    if (!valid_utf8(text)) corrupt("a text is not UTF-8");
    return text;
}

void encode_prices(Encoder& out, const std::vector<PriceRow>& rows) {
    out.number(rows.size());
    for (const auto& row : rows) {
        out.number(static_cast<u128>(row.instrument));
        MVCORE_ASSERT(is_code(row.instrument));
        out.decimal(row.price);
        out.byte(row.time != kNoTime ? 1 : 0);
        if (row.time != kNoTime) out.integer(row.time);
        out.number(raw(row.epoch));
    }
}

void decode_prices(Decoder& in, const State& state, std::vector<PriceRow>& rows) {
    const KnownCodes known{state, true, true, {}, {}};
    decode_price_rows(in, known, rows);
}

void encode_feeds(Encoder& out, const Feeds& feeds) {
    out.number(feeds.size());
    for (const auto& [name, position] : feeds) {
        out.text(name);
        out.integer(position);
    }
}

void decode_feeds(Decoder& in, std::vector<std::pair<std::string, std::int64_t>>& feeds) {
    const auto count = in.count(3);
    for (std::size_t k = 0; k < count; ++k) {
        auto name = decode_name(in, kMostText);
        feeds.emplace_back(std::move(name), in.integer64());
    }
}

void encode(Encoder& out, const Batch& batch, const Vocabulary& names, const NamesKnown& known) {
    // decode() refuses a batch for which these do not hold.
    MVCORE_ASSERT(batch.calls > 0);
    MVCORE_ASSERT(batch.accounts_given != Given::absent || batch.account_rows.empty());
    MVCORE_ASSERT(batch.instruments_given != Given::absent || batch.instrument_rows.empty());
    MVCORE_ASSERT(batch.fx_given != Given::absent || batch.rate_rows.empty());
    MVCORE_ASSERT(batch.prices_given != Given::absent || batch.price_rows.empty());
    MVCORE_ASSERT(batch.holdings_given != Given::absent || batch.holding_rows.size() == 0);
    MVCORE_ASSERT(batch.orders_given == Given::update || batch.order_rows.id.empty());
    MVCORE_ASSERT((batch.orders_given == Given::load) == (batch.loaded_orders != nullptr));
    MVCORE_ASSERT(!batch.roll_day ||
                  (batch.holdings_given != Given::update && batch.orders_given == Given::absent &&
                   batch.removed_orders.empty()));
    encode_names(out, names.accounts, known.accounts);
    encode_names(out, names.instruments, known.instruments);
    encode_names(out, names.currencies, known.currencies);
    out.number(batch.calls);
    out.byte(batch.roll_day ? 1 : 0);
    out.byte(static_cast<std::uint8_t>(batch.accounts_given));
    encode_codes(out, batch.account_rows);
    out.byte(static_cast<std::uint8_t>(batch.instruments_given));
    encode_instruments(out, batch.instrument_rows);
    out.byte(static_cast<std::uint8_t>(batch.fx_given));
    encode_rates(out, batch.rate_rows);
    encode_price_table(out, batch);
    out.byte(static_cast<std::uint8_t>(batch.holdings_given));
    encode_holdings(out, batch.holding_rows);
    out.byte(static_cast<std::uint8_t>(batch.orders_given));
    if (batch.orders_given == Given::load) encode_loaded(out, *batch.loaded_orders);
    else if (batch.orders_given == Given::update) encode_orders(out, batch.order_rows);
    encode_codes(out, batch.removed_accounts);
    encode_codes(out, batch.removed_instruments);
    out.number(batch.removed_orders.size());
    for (const auto& id : batch.removed_orders)
        encode_id(out, id, id.text.empty() ? IdKind::integer : IdKind::text);
    encode_codes(out, batch.removed_prices);
    encode_codes(out, batch.removed_rates);
    encode_feeds(out, {batch.feeds.begin(), batch.feeds.end()});
    out.text(batch.attributes);
}

void decode(Decoder& in, const BookState& book_state, std::uint16_t format, Decoded& out) {
    Batch& batch = out.batch;
    decode_names(in, book_state.names.accounts, batch.accounts);
    decode_names(in, book_state.names.instruments, batch.instruments);
    decode_names(in, book_state.names.currencies, batch.currencies);
    batch.calls = in.number(kMostText);
    batch.roll_day = in.flag();
    batch.roll_drops_ended = format < 2;
    batch.accounts_given = decode_given(in);
    batch.account_rows = decode_codes(in, batch.accounts.size());
    batch.instruments_given = decode_given(in);
    decode_instruments(in, format, batch);
    const auto known = known_codes(book_state.state, batch);
    batch.fx_given = decode_given(in);
    decode_rates(in, format, batch);
    batch.prices_given = decode_given(in);
    decode_price_rows(in, known, batch.price_rows);
    batch.holdings_given = decode_given(in);
    decode_holdings(in, known, batch.holding_rows);
    batch.orders_given = decode_given(in);
    const IdKind held = book_state.state.orders.kind();
    if (batch.orders_given == Given::load) decode_loaded(in, known, held, format, batch);
    else if (batch.orders_given == Given::update) decode_orders(in, known, held, format, out);
    decode_removed(in, book_state, format, out);
    decode_feeds(in, batch.feeds);
    batch.attributes = in.text(kMostText);
    const auto absent = [](Given given, bool empty) { return given == Given::absent && !empty; };
    if (absent(batch.accounts_given, batch.account_rows.empty()) ||
        absent(batch.instruments_given, batch.instrument_rows.empty()) ||
        absent(batch.fx_given, batch.rate_rows.empty()) ||
        absent(batch.prices_given, batch.price_rows.empty()) ||
        absent(batch.holdings_given, batch.holding_rows.size() == 0) || batch.calls == 0)
        corrupt("rows stand in a table that was not given");
    if (batch.roll_day &&
        (batch.holdings_given == Given::update || batch.orders_given != Given::absent ||
         !batch.removed_orders.empty() || (format < 2 && batch.holdings_given != Given::absent)))
        corrupt("a day roll brings orders, or updates holdings");
    MVCORE_ASSERT((batch.orders_given == Given::load) == (batch.loaded_orders != nullptr));
}

}  // namespace mvcore::journal
