// Encodes and decodes orders.
#include <algorithm>
#include <utility>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/journal/batch_codec.hpp"
#include "mvcore/orders/rules.hpp"

namespace mvcore::journal {
namespace {

// Flags of the columns that follow.
enum Columns : unsigned {
    kAccount = 1,
    kInstrument = 2,
    kQuantity = 4,
    kFilled = 8,
    kStatus = 16,
    kTime = 32,
    kRolled = 64,
    kAverage = 128  // since format 3
};
constexpr unsigned kAllColumns = 255;

}  // namespace

void encode_time(Encoder& out, std::int64_t time) {
    out.byte(time != kNoTime ? 1 : 0);
    if (time != kNoTime) out.integer(time);
}

std::int64_t decode_time(Decoder& in) { return in.flag() ? in.integer64() : kNoTime; }

namespace {

Status decode_status(Decoder& in) {
    return static_cast<Status>(in.number(kStatusNames.size() - 1));
}

void encode_price(Encoder& out, const FillPrice& price) {
    MVCORE_ASSERT(!price.known() || (price.scale >= 0 && price.scale <= kMaxScale));
    out.byte(price.known() ? 1 : 0);
    if (price.known()) out.decimal({price.mantissa, price.scale});
}

FillPrice decode_price(Decoder& in) {
    if (!in.flag()) return {};
    const Decimal d = in.decimal();
    return {d.mantissa, d.scale};
}

i128 decode_quantity(Decoder& in, int scale) {
    const i128 q = in.integer();
    if (!within_integer_digits(q, scale)) corrupt("a quantity is out of range");
    return q;
}

// Throws CorruptData if an order id occurs twice.
void check_once(const OrderRows& rows) {
    std::vector<std::pair<std::uint64_t, std::size_t>> order;  // hash and row of each id
    order.reserve(rows.id.size());
    for (const OrderId& id : rows.id) order.emplace_back(hash_of(id, rows.kind), order.size());
    std::sort(order.begin(), order.end());
    for (std::size_t k = 0; k < order.size(); ++k)
        for (auto n = k + 1; n < order.size() && order[n].first == order[k].first; ++n) {
            const auto &a = rows.id[order[k].second], &b = rows.id[order[n].second];
            if (a.number == b.number && a.text == b.text) corrupt("duplicate order");
        }
}

}  // namespace

void encode_id(Encoder& out, const OrderId& id, IdKind kind) {
    MVCORE_ASSERT(kind != IdKind::none && (kind == IdKind::text) == !id.text.empty());
    MVCORE_ASSERT(id.text.size() <= TextArena::kMostBytes);
    if (kind == IdKind::text) out.text(id.text);
    else out.integer(id.number);
}

OrderId decode_id(Decoder& in, IdKind kind, std::deque<std::string>& texts) {
    if (kind != IdKind::text) return {in.integer64(), {}};
    texts.push_back(decode_name(in, TextArena::kMostBytes));
    return {0, texts.back()};
}

IdKind decode_kind(Decoder& in, IdKind held) {
    const auto kind = static_cast<IdKind>(in.number(2));
    if (kind != IdKind::none && held != IdKind::none && kind != held)
        corrupt("order ids are of another kind than those held");
    return kind;
}

void encode_orders(Encoder& out, const OrderRows& rows) {
    MVCORE_ASSERT(rows.columns_agree());
    MVCORE_ASSERT(rows.id.empty() || rows.kind != IdKind::none);
    out.byte(static_cast<std::uint8_t>(rows.kind));
    out.number(rows.id.size());
    const unsigned columns =
        (rows.account.empty() ? 0U : kAccount) | (rows.instrument.empty() ? 0U : kInstrument) |
        (rows.quantity.empty() ? 0U : kQuantity) | (rows.filled.empty() ? 0U : kFilled) |
        (rows.status.empty() ? 0U : kStatus) | (rows.time.empty() ? 0U : kTime) |
        (rows.rolled.empty() ? 0U : kRolled) | (rows.average_price.empty() ? 0U : kAverage);
    out.number(columns);
    for (std::size_t k = 0; k < rows.id.size(); ++k) {
        encode_id(out, rows.id[k], rows.kind);
        if ((columns & kAccount) != 0) out.number(static_cast<u128>(rows.account[k]));
        if ((columns & kInstrument) != 0) out.number(static_cast<u128>(rows.instrument[k]));
        if ((columns & kQuantity) != 0) out.decimal(rows.quantity[k]);
        if ((columns & kFilled) != 0) out.decimal(rows.filled[k]);
        if ((columns & kStatus) != 0) out.byte(static_cast<std::uint8_t>(rows.status[k]));
        if ((columns & kTime) != 0) encode_time(out, rows.time[k]);
        if ((columns & kRolled) != 0) out.decimal(rows.rolled[k]);
        if ((columns & kAverage) != 0) encode_price(out, rows.average_price[k]);
    }
}

void decode_orders(Decoder& in, const KnownCodes& known, IdKind held, std::uint16_t format,
                   Decoded& out) {
    OrderRows& rows = out.batch.order_rows;
    rows.kind = decode_kind(in, held);
    const auto count = in.count(1);
    const auto columns = in.number(format >= 3 ? kAllColumns : kAllColumns - kAverage);
    if (count != 0 && rows.kind == IdKind::none) corrupt("order ids are of no kind");
    for (std::size_t k = 0; k < count; ++k) {
        rows.id.push_back(decode_id(in, rows.kind, out.texts));
        if ((columns & kAccount) != 0) rows.account.push_back(raw(known.account(in)));
        if ((columns & kInstrument) != 0) rows.instrument.push_back(raw(known.instrument(in)));
        if ((columns & kQuantity) != 0) rows.quantity.push_back(in.decimal());
        if ((columns & kFilled) != 0) rows.filled.push_back(in.decimal());
        if ((columns & kStatus) != 0) rows.status.push_back(decode_status(in));
        if ((columns & kTime) != 0) rows.time.push_back(decode_time(in));
        if ((columns & kRolled) != 0) rows.rolled.push_back(in.decimal());
        if ((columns & kAverage) != 0) rows.average_price.push_back(decode_price(in));
    }
    check_once(rows);
    MVCORE_ASSERT(rows.columns_agree() && rows.id.size() == count);
}

// Encodes instrument by instrument, in storage order.
void encode_loaded(Encoder& out, const LoadedOrders& orders) {
    const OrderStore& store = orders.store;
    out.byte(static_cast<std::uint8_t>(store.kind()));
    std::size_t lines = 0;
    for (std::size_t i = 0; i < store.instruments(); ++i)
        lines += store.count(InstrumentCode(i)) != 0 ? 1U : 0U;
    out.number(lines);
    [[maybe_unused]] std::size_t orders_written = 0;
    for (std::size_t i = 0; i < store.instruments(); ++i) {
        const auto code = InstrumentCode(i);
        if (store.count(code) == 0) continue;
        Extras extras;
        store.for_pages(code, [&](const PageRef& page) {
            extras |= {page->time != nullptr, page->high != nullptr, page->rolled != nullptr,
                       page->wide != nullptr, page->prices != nullptr};
        });
        out.number(i);
        out.number(store.count(code));
        out.number(static_cast<u128>(store.scale(code)));
        out.number((extras.time ? 1U : 0U) | (extras.high ? 2U : 0U) | (extras.wide ? 4U : 0U) |
                   (extras.rolled ? 8U : 0U) | (extras.prices ? 16U : 0U));
        store.for_each(code, [&](Slot slot, const OrderPage& page, std::uint32_t k) {
            const Order o = OrderStore::order(page, k);
            MVCORE_ASSERT(o.instrument == code && (extras.prices || !o.average_price.known()));
            if (store.kind() == IdKind::text) out.text(store.text(slot));
            else out.integer(store.number(slot));
            out.number(static_cast<u128>(o.account));
            out.integer(o.quantity);
            out.integer(o.filled);
            out.integer(o.rolled);
            out.byte(static_cast<std::uint8_t>(o.status));
            encode_time(out, o.time);
            if (extras.prices) encode_price(out, o.average_price);
            ++orders_written;
        });
    }
    MVCORE_ASSERT(orders_written == store.size());
}

namespace {

void decode_line(Decoder& in, const KnownCodes& known, std::uint16_t format, LoadedOrders& loaded,
                 InstrumentCode instrument) {
    OrderStore& store = loaded.store;
    const auto count = in.count(6);
    const auto scale = static_cast<int>(in.number(kMaxScale));
    const auto bits = in.number(format >= 3 ? 31 : 15);
    const Extras extras{(bits & 1) != 0, (bits & 2) != 0, (bits & 8) != 0, (bits & 4) != 0,
                        (bits & 16) != 0};
    if (count == 0 || scale != even_scale(scale)) corrupt("a line of orders is not as one is");
    store.prepare(instrument, count, extras);
    store.put(instrument, scale, {});
    std::deque<std::string> text;
    for (std::size_t k = 0; k < count; ++k) {
        text.clear();
        const OrderId id = decode_id(in, store.kind(), text);
        Order o;
        o.instrument = instrument;
        o.account = known.account(in);
        o.quantity = decode_quantity(in, scale);
        o.filled = decode_quantity(in, scale);
        if (format >= 2) o.rolled = decode_quantity(in, scale);
        o.status = decode_status(in);
        o.time = decode_time(in);
        if (extras.prices) o.average_price = decode_price(in);
        const auto hash = hash_of(id, store.kind());
        const bool twice =
            loaded.index.find(hash, [&](Slot s) { return store.has(s, id); }) != kNoSlot;
        const bool is_text = store.kind() == IdKind::text;
        if (twice || !signs_agree(o.quantity, o.filled) ||
            !day_fill_fits(o.filled, o.rolled, scale) ||
            !extras.holds(OrderStore::extras_of(o, is_text ? 0 : id.number)))
            corrupt("a loaded order is not as orders are");
        const auto stored = is_text ? store.store(id.text) : static_cast<std::uint64_t>(id.number);
        const Slot slot = store.insert(o, stored);
        loaded.index.reserve(hash, 1, [&](Slot s) { return store.hash_at(s); });
        loaded.index.insert(hash, slot);
    }
    MVCORE_ASSERT(store.count(instrument) == count);
}

}  // namespace

void decode_loaded(Decoder& in, const KnownCodes& known, IdKind held, std::uint16_t format,
                   Batch& batch) {
    batch.loaded_orders = std::make_unique<LoadedOrders>();
    LoadedOrders& loaded = *batch.loaded_orders;
    const IdKind kind = decode_kind(in, held);
    if (kind != IdKind::none) loaded.store.set_kind(kind);
    loaded.store.extend(static_cast<std::size_t>(batch.instruments.size()));
    const auto lines = in.count(10);
    if (lines != 0 && kind == IdKind::none) corrupt("order ids are of no kind");
    std::vector<std::uint8_t> seen(static_cast<std::size_t>(batch.instruments.size()), 0);
    for (std::size_t k = 0; k < lines; ++k) {
        const auto instrument = known.instrument(in);
        if (seen[code_index(instrument)]++ != 0) corrupt("duplicate line of orders");
        decode_line(in, known, format, loaded, instrument);
    }
}

}  // namespace mvcore::journal
