// Encodes and decodes batches: codes, new names, decimals as mantissa and scale, orders with ids.
#pragma once

#include <deque>
#include <limits>
#include <string>

#include "mvcore/journal/bytes.hpp"
#include "mvcore/state/batch.hpp"
#include "mvcore/state/book_state.hpp"

namespace mvcore::journal {

// A batch that owns the texts of its order ids.
struct Decoded {
    explicit Decoded(const Vocabulary& names) : batch(names) {}
    std::deque<std::string> texts;
    Batch batch;
};

// `names`: the names of the book, including the batch's. Writes those from `known` on.
void encode(Encoder& out, const Batch& batch, const Vocabulary& names, const NamesKnown& known);
// Throws CorruptData if the book could not have accepted such a batch. `format`: the format of the
// frame.
void decode(Decoder& in, const BookState& book_state, std::uint16_t format, Decoded& out);

void encode_prices(Encoder& out, const std::vector<PriceRow>& rows);
void decode_prices(Decoder& in, const State& state, std::vector<PriceRow>& rows);
void encode_feeds(Encoder& out, const Feeds& feeds);
void decode_feeds(Decoder& in, std::vector<std::pair<std::string, std::int64_t>>& feeds);

// ---- shared with order_codec.cpp ----
// The codes to which rows may refer: codes of the book, unless a load replaces their table, and
// codes that the batch adds.
struct KnownCodes {
    const State& state;
    bool accounts_stay = true;
    bool instruments_stay = true;
    std::vector<std::uint8_t> accounts;  // by code: 1 if the batch adds it; empty: none
    std::vector<std::uint8_t> instruments;

    AccountCode account(Decoder& in) const {
        return code<AccountCode>(in, "account", accounts, [&](AccountCode a) {
            return accounts_stay && state.account_alive(a);
        });
    }
    InstrumentCode instrument(Decoder& in) const {
        return code<InstrumentCode>(in, "instrument", instruments, [&](InstrumentCode i) {
            return instruments_stay && state.instrument_alive(i);
        });
    }

private:
    template <Code T, class Alive>
    static T code(Decoder& in, const char* what, const std::vector<std::uint8_t>& more,
                  Alive&& alive) {
        const auto k = in.number(std::numeric_limits<std::int32_t>::max());
        if (!(k < more.size() && more[k] != 0) && !alive(T(k)))
            corrupt("an " + std::string(what) + " is not in the book");
        return T(k);
    }
};
void encode_orders(Encoder& out, const OrderRows& rows);
void decode_orders(Decoder& in, const KnownCodes& known, IdKind held, std::uint16_t format,
                   Decoded& out);
void encode_loaded(Encoder& out, const LoadedOrders& orders);
void decode_loaded(Decoder& in, const KnownCodes& known, IdKind held, std::uint16_t format,
                   Batch& batch);
void encode_time(Encoder& out, std::int64_t time);
std::int64_t decode_time(Decoder& in);
void encode_id(Encoder& out, const OrderId& id, IdKind kind);
OrderId decode_id(Decoder& in, IdKind kind, std::deque<std::string>& texts);
IdKind decode_kind(Decoder& in, IdKind held);
// Decodes a text that a book accepts: not empty, valid UTF-8.
std::string decode_name(Decoder& in, std::uint64_t most_bytes);

}  // namespace mvcore::journal
