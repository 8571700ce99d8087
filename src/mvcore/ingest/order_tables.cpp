// Converts tables of orders to batches.
#include <algorithm>
#include <unordered_set>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/ingest/codes.hpp"
#include "mvcore/ingest/tables.hpp"
#include "mvcore/orders/rules.hpp"

namespace mvcore::text {
namespace {

constexpr Place kId{"orders", "order"};
constexpr Place kQuantity{"orders", "order_quantity"};
constexpr Place kFilled{"orders", "filled_quantity"};
constexpr Place kRolled{"orders", "rolled_quantity"};
constexpr Place kAverage{"orders", "average_price"};
constexpr Place kStatus{"orders", "status"};
constexpr Decimal kZero{};

// Iterates over the rows of a column.
class Cursor {
public:
    explicit Cursor(const Column& column) : column_(column) {}
    // Calls f(chunk, index in the chunk) for the next row.
    template <class F>
    auto next(F&& f) {
        while (k_ == column_.chunks[chunk_].rows) ++chunk_, k_ = 0;
        return f(column_.chunks[chunk_], k_++);
    }

private:
    const Column& column_;
    std::size_t chunk_ = 0;
    std::size_t k_ = 0;
};

IdKind kind_of(const Column& column) {
    for (const auto& chunk : column.chunks)
        if (chunk.rows != 0)
            return std::holds_alternative<Numbers>(chunk.data) ? IdKind::integer : IdKind::text;
    return IdKind::none;
}

// Returns the column's kind of id. Refuses a kind that differs from that of the held ids.
IdKind checked_kind(const Column& column, IdKind held, const Place& place) {
    const IdKind kind = kind_of(column);
    if (kind == IdKind::none || held == IdKind::none || kind == held) return kind;
    for (const auto& chunk : column.chunks)
        if (chunk.rows != 0) place.refuse(0, chunk, 0, not_of_kind(held));
    return kind;
}

std::int64_t integer_at(const ColumnChunk& chunk, std::size_t k, std::size_t row,
                        const Place& place) {
    const auto* numbers = std::get_if<Numbers>(&chunk.data);
    if (numbers == nullptr) place.refuse(row, chunk, k, "is text among integers");
    if (chunk.validity.null(k)) place.refuse_null(row, "an order id");
    switch (numbers->kind) {
        case Number::i8: return read<std::int8_t>(numbers->data, k);
        case Number::i16: return read<std::int16_t>(numbers->data, k);
        case Number::i32: return read<std::int32_t>(numbers->data, k);
        case Number::i64: return read<std::int64_t>(numbers->data, k);
        case Number::u8: return read<std::uint8_t>(numbers->data, k);
        case Number::u16: return read<std::uint16_t>(numbers->data, k);
        case Number::u32: return read<std::uint32_t>(numbers->data, k);
        case Number::u64: break;
        default: place.refuse(row, chunk, k, "is not an integer");
    }
    const auto v = read<std::uint64_t>(numbers->data, k);
    if (v >> 63 != 0) place.refuse(row, chunk, k, "does not fit 64 bits with a sign");
    return static_cast<std::int64_t>(v);
}

OrderId id_at(const ColumnChunk& chunk, std::size_t k, std::size_t row, IdKind kind,
              const Place& place) {
    if (kind == IdKind::integer) return {integer_at(chunk, k, row, place), {}};
    if (std::holds_alternative<Numbers>(chunk.data))
        place.refuse(row, chunk, k, "is an integer among texts");
    const auto text = checked_name(place, row, chunk, k);
    if (text.size() > TextArena::kMostBytes)
        place.refuse(row, quoted(text.substr(0, 40)) + "... has more than 1,024 bytes",
                     std::string(text));
    return {0, text};
}

Status status_at(const ColumnChunk& chunk, std::size_t k, std::size_t row) {
    bool null = false;
    const auto text = name_at(chunk, k, null);
    if (null) return Status::created;
    if (const auto status = status_of(text)) return *status;
    kStatus.refuse(row, unknown_status(text), std::string(text));
}

FillPrice price_at(const ColumnChunk& chunk, std::size_t k, std::size_t row) {
    bool null = false;
    const auto result = decimal_at(chunk, k, null);
    if (null) return {};
    if (!result) kAverage.refuse(row, chunk, k, describe(result.fault));
    return {result.value.mantissa, result.value.scale};
}

template <class T, class F>
void fill(const Column* column, std::vector<T>& out, F&& at) {
    if (column == nullptr) return;
    out.reserve(column->rows());
    for (const auto& chunk : column->chunks)
        for (std::size_t k = 0; k < chunk.rows; ++k) out.push_back(at(chunk, k, out.size()));
}

void refuse_twice(const std::vector<OrderId>& ids, IdKind kind, const Place& place) {
    if (ids.size() < 2) return;
    std::size_t size = 16;
    while (size < 2 * ids.size()) size *= 2;
    std::vector<std::uint32_t> seen(size, 0);  // 1 + row
    for (std::size_t row = 0; row < ids.size(); ++row) {
        const OrderId& id = ids[row];
        auto at = hash_of(id, kind) >> 20 & (size - 1);
        for (; seen[at] != 0; at = (at + 1) & (size - 1))
            if (ids[seen[at] - 1].number == id.number && ids[seen[at] - 1].text == id.text)
                place.refuse_duplicate(row, to_text(id), seen[at] - 1);
        seen[at] = static_cast<std::uint32_t>(row + 1);
    }
}

}  // namespace

std::vector<OrderId> order_ids(const Column& column, IdKind held, const Place& place) {
    const IdKind kind = checked_kind(column, held, place);
    std::vector<OrderId> out;
    fill(&column, out, [&](const ColumnChunk& chunk, std::size_t k, std::size_t row) {
        return id_at(chunk, k, row, kind, place);
    });
    return out;
}

void fill_orders(const Table& table, const OrderStore& held, std::vector<std::int32_t> accounts,
                 std::vector<std::int32_t> instruments, Batch& batch) {
    OrderRows& rows = batch.order_rows;
    const Column& ids = required(table, kId.table, kId.column);
    rows.kind = checked_kind(ids, held.kind(), kId);
    rows.id = order_ids(ids, held.kind(), kId);
    refuse_twice(rows.id, rows.kind, kId);
    rows.account = std::move(accounts);
    rows.instrument = std::move(instruments);
    fill(table.find(kQuantity.column), rows.quantity, [&](auto& chunk, auto k, auto row) {
        return checked_decimal(kQuantity, row, chunk, k, nullptr);
    });
    fill(table.find(kFilled.column), rows.filled, [&](auto& chunk, auto k, auto row) {
        return checked_decimal(kFilled, row, chunk, k, &kZero);
    });
    fill(table.find(kRolled.column), rows.rolled, [&](auto& chunk, auto k, auto row) {
        return checked_decimal(kRolled, row, chunk, k, &kZero);
    });
    fill(table.find(kAverage.column), rows.average_price,
         [&](auto& chunk, auto k, auto row) { return price_at(chunk, k, row); });
    fill(table.find(kStatus.column), rows.status,
         [&](auto& chunk, auto k, auto row) { return status_at(chunk, k, row); });
    if (table.times) rows.time = *table.times;
}

namespace {

// Finds the first row with the id.
std::optional<std::size_t> row_of(const Table& table, const OrderId& id, IdKind kind) {
    Cursor ids(required(table, kId.table, kId.column));
    const std::size_t rows = required(table, kId.table, kId.column).rows();
    for (std::size_t row = 0; row < rows; ++row) {
        const OrderId next = ids.next([&](auto& c, auto k) { return id_at(c, k, row, kind, kId); });
        if (next.number == id.number && next.text == id.text) return row;
    }
    return std::nullopt;
}

// Builds the order store and the index of a full refresh in three passes over the caller's columns,
// without copying them. Another thread may write the arrays meanwhile, so each pass checks that its
// values fit what earlier passes reserved.
class OrderLoad {
public:
    OrderLoad(const Table& table, IdKind held, const std::vector<std::int32_t>& accounts,
              const std::vector<std::int32_t>& instruments)
        : table_(table),
          accounts_(accounts),
          instruments_(instruments),
          ids_(required(table, kId.table, kId.column)),
          quantity_(required(table, kQuantity.table, kQuantity.column)),
          filled_(table.find(kFilled.column)),
          rolled_(table.find(kRolled.column)),
          average_price_(table.find(kAverage.column)),
          status_(table.find(kStatus.column)),
          kind_(checked_kind(ids_, held, kId)) {
        if (kind_ == IdKind::none) kind_ = held;
    }
    std::unique_ptr<LoadedOrders> build(std::size_t instruments);

private:
    struct Line {
        std::size_t orders = 0;
        int scale = 0;
        Extras extras;
    };
    struct Row {
        OrderId id;
        Decimal quantity;
        Decimal filled;
        Decimal rolled;
        FillPrice average_price;
        std::uint64_t hash;
        Status status;
    };
    // Calls f(row, Row) for each row. Computes hashes only if `hashed`.
    template <class F>
    void for_rows(bool hashed, F&& f) const;
    [[noreturn]] static void changed(std::size_t row) {
        throw InputError(ErrorKind::invalid_input, "orders", "order", row,
                         "the row was changed while it was being read");
    }
    [[nodiscard]] Order order_of(std::size_t row, const Row& r, int scale) const;
    void insert(LoadedOrders& out, std::size_t first, const std::vector<Row>& rows) const;

    const Table& table_;
    const std::vector<std::int32_t>& accounts_;
    const std::vector<std::int32_t>& instruments_;
    const Column& ids_;
    const Column& quantity_;
    const Column* filled_;
    const Column* rolled_;
    const Column* average_price_;
    const Column* status_;
    IdKind kind_;
    std::vector<Line> lines_;
};

template <class F>
void OrderLoad::for_rows(bool hashed, F&& f) const {
    Cursor id(ids_);
    Cursor quantity(quantity_);
    Cursor filled(filled_ != nullptr ? *filled_ : ids_);
    Cursor rolled(rolled_ != nullptr ? *rolled_ : ids_);
    Cursor average_price(average_price_ != nullptr ? *average_price_ : ids_);
    Cursor status(status_ != nullptr ? *status_ : ids_);
    for (std::size_t row = 0; row < instruments_.size(); ++row) {
        Row r{};
        r.id = id.next([&](auto& c, auto k) { return id_at(c, k, row, kind_, kId); });
        if (hashed) r.hash = hash_of(r.id, kind_);
        r.quantity = quantity.next(
            [&](auto& c, auto k) { return checked_decimal(kQuantity, row, c, k, nullptr); });
        if (filled_ != nullptr)
            r.filled = filled.next(
                [&](auto& c, auto k) { return checked_decimal(kFilled, row, c, k, &kZero); });
        if (rolled_ != nullptr)
            r.rolled = rolled.next(
                [&](auto& c, auto k) { return checked_decimal(kRolled, row, c, k, &kZero); });
        if (average_price_ != nullptr)
            r.average_price =
                average_price.next([&](auto& c, auto k) { return price_at(c, k, row); });
        if (status_ != nullptr)
            r.status = status.next([&](auto& c, auto k) { return status_at(c, k, row); });
        f(row, r);
    }
}

Order OrderLoad::order_of(std::size_t row, const Row& r, int scale) const {
    if (std::max({r.quantity.scale, r.filled.scale, r.rolled.scale}) > scale) changed(row);
    check_signs(row, r.id, r.quantity, r.filled, true);
    check_day_fill(row, r.id, r.filled, r.rolled, filled_ != nullptr);
    Order o;
    o.account = AccountCode(accounts_[row]);
    o.instrument = InstrumentCode(instruments_[row]);
    o.quantity = r.quantity.mantissa * kPow10[std::size_t(scale - r.quantity.scale)];
    o.filled = r.filled.mantissa * kPow10[std::size_t(scale - r.filled.scale)];
    o.rolled = r.rolled.mantissa * kPow10[std::size_t(scale - r.rolled.scale)];
    o.average_price = r.average_price;
    o.status = r.status;
    o.time = table_.times ? (*table_.times)[row] : kNoTime;
    return o;
}

std::unique_ptr<LoadedOrders> OrderLoad::build(std::size_t instruments) {
    MVCORE_ASSERT(accounts_.size() == instruments_.size());
    MVCORE_ASSERT(!table_.times || table_.times->size() == instruments_.size());
    lines_.resize(instruments);
    for_rows(false, [&](std::size_t row, const Row& r) {
        Line& line = lines_[std::size_t(instruments_[row])];
        ++line.orders;
        line.scale = std::max(
            line.scale, even_scale(std::max({r.quantity.scale, r.filled.scale, r.rolled.scale})));
    });
    for_rows(false, [&](std::size_t row, const Row& r) {
        Line& line = lines_[std::size_t(instruments_[row])];
        line.extras |= OrderStore::extras_of(order_of(row, r, line.scale), r.id.number);
    });
    auto out = std::make_unique<LoadedOrders>();
    if (kind_ != IdKind::none) out->store.set_kind(kind_);
    out->store.extend(instruments);
    out->index.reserve_all(instruments_.size());
    for (std::size_t i = 0; i < instruments; ++i) {
        if (lines_[i].orders == 0) continue;
        out->store.prepare(InstrumentCode(i), lines_[i].orders, lines_[i].extras);
        out->store.put(InstrumentCode(i), lines_[i].scale, {});
    }
    std::vector<Row> pending;
    pending.reserve(tuning::kLoadGroup);  // pages and buckets are at random addresses
    for_rows(true, [&](std::size_t row, const Row& r) {
        out->index.prefetch(r.hash);
        pending.push_back(r);
        if (pending.size() < tuning::kLoadGroup && row + 1 < instruments_.size()) return;
        insert(*out, row + 1 - pending.size(), pending);
        pending.clear();
    });
    MVCORE_ASSERT(pending.empty() && out->store.size() == instruments_.size());
    for (std::size_t i = 0; i < instruments; ++i)
        MVCORE_ASSERT(out->store.count(InstrumentCode(i)) == lines_[i].orders);
    return out;
}

void OrderLoad::insert(LoadedOrders& out, std::size_t first, const std::vector<Row>& rows) const {
    MVCORE_ASSERT(first + rows.size() <= instruments_.size());
    for (std::size_t k = 0; k < rows.size(); ++k) {
        const Row& r = rows[k];
        const auto row = first + k;
        const auto same = [&](Slot s) { return out.store.has(s, r.id); };
        if (out.index.find(r.hash, same) != kNoSlot)
            kId.refuse_duplicate(row, to_text(r.id), row_of(table_, r.id, kind_).value_or(row));
        const auto stored = kind_ == IdKind::text ? out.store.store(r.id.text)
                                                  : static_cast<std::uint64_t>(r.id.number);
        const Line& line = lines_[std::size_t(instruments_[row])];
        const Order order = order_of(row, r, line.scale);
        if (!line.extras.holds(OrderStore::extras_of(order, r.id.number))) changed(row);
        const Slot slot = out.store.insert(order, stored);
        out.index.reserve(r.hash, 1, [&](Slot s) { return out.store.hash_at(s); });
        out.index.insert(r.hash, slot);
    }
}

}  // namespace

void load_orders(const Table& table, const OrderStore& held,
                 const std::vector<std::int32_t>& accounts,
                 const std::vector<std::int32_t>& instruments, Batch& batch) {
    required(table, "orders", "account");
    required(table, "orders", "instrument");
    OrderLoad load(table, held.kind(), accounts, instruments);
    batch.loaded_orders = load.build(static_cast<std::size_t>(batch.instruments.size()));
    batch.loaded_orders->row_of = [&table, kind = batch.loaded_orders->store.kind()](
                                      const OrderId& id) { return row_of(table, id, kind); };
}

}  // namespace mvcore::text
