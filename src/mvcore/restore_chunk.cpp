// One chunk of holdings and orders on its way into a state that is restored.
#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "restore.hpp"

namespace mvcore {
namespace {

// Many integers of one width, as 64-bit ones where they fit.
class Values {
public:
    Values(const StoredInts& stored, std::size_t rows) {
        if (stored.width == kernels::w128) {
            wide_ = stored.data;
            for (std::size_t k = 0; k < rows; ++k) add((*this)[k]);
            return;
        }
        narrow_.resize(rows);
        with_quantity(stored.width, stored.data, [&](const auto* typed) {
            using Q = std::remove_cvref_t<decltype(*typed)>;
            for (std::size_t k = 0; k < rows; ++k) {
                Q q;
                std::memcpy(&q, stored.data + k * sizeof q, sizeof q);
                narrow_[k] = static_cast<std::int64_t>(q);
            }
        });
        std::int64_t most = 0;
        for (const auto q : narrow_) most |= q < 0 ? ~q : q;
        add(most);
    }
    i128 operator[](std::size_t k) const noexcept {
        if (wide_ == nullptr) return narrow_[k];
        i128 q;
        std::memcpy(&q, wide_ + k * sizeof q, sizeof q);
        return q;
    }
    // All magnitudes are at most 2^bits.
    [[nodiscard]] int bits() const noexcept { return i256(most_).bits(); }

private:
    void add(i128 q) noexcept { most_ |= q < 0 ? ~q : q; }

    std::vector<std::int64_t> narrow_;
    const std::byte* wide_ = nullptr;
    i128 most_ = 0;
};

std::uint64_t magnitude_of(std::int64_t v) { return static_cast<std::uint64_t>(v < 0 ? -v : v); }
i256 magnitude_of(const i256& v) { return v.magnitude(); }

// What one account has in one instrument.
template <class Q>
struct Parts {
    Q sod{};
    Q fill{};
    Q leaves{};
};

}  // namespace

class ChunkRestore {
public:
    ChunkRestore(Restore& restore, std::int32_t begin, std::int32_t end,
                 const StoredHoldings& holdings, const StoredOrders& orders)
        : restore_(restore),
          state_(restore.live_.state),
          accounts_(static_cast<std::uint32_t>(state_.accounts_alive.size())),
          begin_(begin),
          end_(end),
          kind_(state_.orders.kind()),
          orders_(orders),
          held_account_(holdings.account, holdings.rows),
          held_quantity_(holdings.quantity, holdings.rows),
          account_(orders.account, orders.rows),
          quantity_(orders.quantity, orders.rows),
          filled_(orders.filled, orders.rows),
          rolled_(orders.rolled, orders.rows),
          time_(orders.time, orders.time.data == nullptr ? 0 : orders.rows),
          status_(orders.status, orders.rows),
          number_(orders.number, orders.number.data == nullptr ? 0 : orders.rows),
          held_start_(starts(Values(holdings.instrument, holdings.rows), holdings.rows)),
          order_start_(starts(Values(orders.instrument, orders.rows), orders.rows)),
          grid_(std::size_t(end - begin), accounts_),
          positions_(accounts_, 0),
          account_orders_(accounts_, 0),
          absolute_(std::size_t(end - begin)),
          pages_(std::size_t(end - begin)),
          first_page_(std::size_t(end - begin), 0) {
        if (orders.rows != 0 && (kind_ == IdKind::none ||
                                 (kind_ == IdKind::integer) != (orders.number.data != nullptr)))
            corrupt("the order ids are of another kind than the book's");
    }

    void run() {
        store_texts();
        // What an order adds is at most three quantities; sums of all rows fit 64 bits, or may not.
        const int bits =
            3 + i256(i128(orders_.rows)).bits() +
            std::max({held_quantity_.bits(), quantity_.bits(), filled_.bits(), rolled_.bits()});
        for (std::int32_t i = begin_; i < end_; ++i) {
            if (bits <= 62) line<std::int64_t>(i);
            else line<i256>(i);
        }
        merge();
        list_ids();
    }

private:
    [[noreturn]] void refuse(const char* table, std::size_t row, const std::string& what) const {
        corrupt("instruments " + std::to_string(begin_) + " to " + std::to_string(end_ - 1) + ", " +
                table + ", row " + std::to_string(row) + ": " + what);
    }
    // Where each instrument's rows begin, and the end of the last.
    [[nodiscard]] std::vector<std::size_t> starts(const Values& instrument,
                                                  std::size_t rows) const {
        std::vector<std::size_t> out(1, 0);
        for (std::size_t k = 0; k < rows; ++k) {
            const i128 i = instrument[k];
            const auto now = begin_ + static_cast<std::int32_t>(out.size()) - 1;
            if (i < now || i >= end_) refuse("instrument", k, "is not in order");
            while (begin_ + static_cast<std::int32_t>(out.size()) - 1 < i) out.push_back(k);
        }
        out.resize(std::size_t(end_ - begin_) + 1, rows);
        return out;
    }
    std::uint32_t checked_account(const Values& accounts, const char* table, std::size_t k) const {
        const i128 a = accounts[k];
        if (a < 0 || a >= accounts_ || state_.accounts_alive[std::size_t(a)] == 0)
            refuse(table, k, "the account is none");
        return static_cast<std::uint32_t>(a);
    }
    i128 checked_quantity(const Values& quantities, const char* table, std::size_t k,
                          i128 limit) const {
        const i128 q = quantities[k];
        if (q >= limit || q <= -limit) refuse(table, k, "a quantity has more than 20 digits");
        return q;
    }
    [[nodiscard]] OrderId id(std::size_t k) const {
        if (kind_ == IdKind::integer) return {static_cast<std::int64_t>(number_[k]), {}};
        return {0, text_of(orders_.text, k)};
    }

    void store_texts();
    [[nodiscard]] Order order(std::size_t k, std::int32_t i, i128 limit) const;
    void keep(std::int32_t i, std::size_t k, const Order& order);
    template <class Q>
    void line(std::int32_t i);
    template <class Q>
    void fill(std::int32_t i, const std::vector<std::uint32_t>& accounts,
              const std::vector<Parts<Q>>& parts, i128 limit);
    void merge();
    void list_ids();

    Restore& restore_;
    State& state_;
    std::uint32_t accounts_;
    std::int32_t begin_;
    std::int32_t end_;
    IdKind kind_;
    const StoredOrders& orders_;
    Values held_account_, held_quantity_;
    Values account_, quantity_, filled_, rolled_, time_, status_, number_;
    std::vector<std::size_t> held_start_;
    std::vector<std::size_t> order_start_;
    // Made aside; by line of the chunk, or by account.
    Grid grid_;
    std::vector<std::uint32_t> positions_;
    std::vector<std::uint32_t> account_orders_;
    std::vector<i256> absolute_;
    std::vector<std::vector<PageRef>> pages_;
    std::vector<std::uint32_t> first_page_;
    std::vector<std::uint32_t> texts_;  // places of the ids
};

void ChunkRestore::store_texts() {
    if (kind_ != IdKind::text) return;
    for (std::size_t k = 0; k < orders_.rows; ++k) {
        const auto text = text_of(orders_.text, k);
        if (text.empty() || text.size() > TextArena::kMostBytes || !valid_utf8(text))
            refuse("orders", k, "the id is none");
    }
    texts_.reserve(orders_.rows);
    const std::scoped_lock lock(restore_.mutex_);
    for (std::size_t k = 0; k < orders_.rows; ++k)
        texts_.push_back(state_.orders.store(text_of(orders_.text, k)));
}

Order ChunkRestore::order(std::size_t k, std::int32_t i, i128 limit) const {
    Order o;
    o.account = static_cast<std::int32_t>(checked_account(account_, "orders", k));
    o.instrument = i;
    o.quantity = checked_quantity(quantity_, "orders", k, limit);
    o.filled = checked_quantity(filled_, "orders", k, limit);
    o.rolled = checked_quantity(rolled_, "orders", k, limit);
    if (o.quantity != 0 && o.filled != 0 && (o.quantity < 0) != (o.filled < 0))
        refuse("orders", k, "filled_quantity has not the sign of order_quantity");
    const i128 status = status_[k];
    if (status < 0 || status >= i128(kStatusNames.size()))
        refuse("orders", k, "the status is none");
    o.status = static_cast<Status>(status);
    o.time = orders_.time.data == nullptr ? kNoTime : static_cast<std::int64_t>(time_[k]);
    return o;
}

// Into the pages of its instrument.
void ChunkRestore::keep(std::int32_t i, std::size_t k, const Order& order) {
    auto& pages = pages_[std::size_t(i - begin_)];
    const std::size_t row = k - order_start_[std::size_t(i - begin_)];
    if (row % OrderPage::kRecords == 0) {
        const auto left = order_start_[std::size_t(i - begin_) + 1] - k;
        const std::uint32_t room = left <= 16 && row == 0 ? 16 : OrderPage::kRecords;
        pages.emplace_back(std::make_unique<OrderPage>(i, room));
    }
    const auto id = kind_ == IdKind::text
                        ? texts_[k]
                        : static_cast<std::uint64_t>(static_cast<std::int64_t>(number_[k]));
    OrderStore::append(pages.back().writable(), order, id, kind_);
}

template <class Q>
void ChunkRestore::line(std::int32_t i) {
    const auto l = std::size_t(i - begin_);
    const auto [h0, h1] = std::pair(held_start_[l], held_start_[l + 1]);
    const auto [o0, o1] = std::pair(order_start_[l], order_start_[l + 1]);
    if (h0 == h1 && o0 == o1) return;
    if (!state_.instrument_alive(i)) refuse("holdings and orders", h0, "the instrument is none");
    const i128 limit =
        kPow10[std::size_t(kMaxIntegerDigits + state_.board.instrument(i).quantity_scale)];
    std::vector<std::uint32_t> accounts;  // that have a part; empty: all
    const bool few = (h1 - h0 + o1 - o0) * 8 < accounts_;
    if (few) {
        for (auto k = h0; k < h1; ++k)
            accounts.push_back(checked_account(held_account_, "holdings", k));
        for (auto k = o0; k < o1; ++k) accounts.push_back(checked_account(account_, "orders", k));
        std::sort(accounts.begin(), accounts.end());
        accounts.erase(std::unique(accounts.begin(), accounts.end()), accounts.end());
    }
    std::vector<Parts<Q>> parts(few ? accounts.size() : accounts_);
    const auto part = [&](std::uint32_t account) -> Parts<Q>& {
        if (!few) return parts[account];
        const auto at = std::lower_bound(accounts.begin(), accounts.end(), account);
        return parts[std::size_t(at - accounts.begin())];
    };
    Q absolute{};
    for (auto k = h0; k < h1; ++k) {
        const auto account = checked_account(held_account_, "holdings", k);
        if (k != h0 && i128(account) <= held_account_[k - 1])
            refuse("holdings", k, "the account is not in order");
        const Q quantity = static_cast<Q>(checked_quantity(held_quantity_, "holdings", k, limit));
        if (quantity == Q{}) refuse("holdings", k, "the quantity is zero");
        part(account).sod = quantity;
        absolute += static_cast<Q>(magnitude_of(quantity));
    }
    for (auto k = o0; k < o1; ++k) {
        const Order o = order(k, i, limit);
        const Q fill = static_cast<Q>(o.day_fill());
        const Q leaves = static_cast<Q>(o.leaves());
        auto& p = part(std::uint32_t(o.account));
        p.fill += fill;
        p.leaves += leaves;
        absolute += static_cast<Q>(magnitude_of(fill)) + static_cast<Q>(magnitude_of(leaves));
        ++account_orders_[std::size_t(o.account)];
        keep(i, k, o);
    }
    absolute_[l] = i256(absolute);
    fill(i, accounts, parts, limit);
}

i256 widened(std::int64_t v) { return i256(i128(v)); }
i256 widened(const i256& v) { return v; }

// The line of the grid: net quantities of the accounts that have any.
template <class Q>
void ChunkRestore::fill(std::int32_t i, const std::vector<std::uint32_t>& accounts,
                        const std::vector<Parts<Q>>& parts, i128 limit) {
    using Stored = std::conditional_t<sizeof(Q) == 8, std::int64_t, i128>;
    const auto l = std::size_t(i - begin_);
    const bool split = order_start_[l] != order_start_[l + 1];
    std::vector<std::uint32_t> rows;
    std::array<std::vector<Stored>, kMeasures> columns;
    rows.reserve(parts.size());
    for (auto& column : columns) column.reserve(parts.size());
    for (std::size_t k = 0; k < parts.size(); ++k) {
        const Parts<Q>& p = parts[k];
        const std::array<Q, kMeasures> net = {p.sod, p.sod + p.fill, p.sod + p.fill + p.leaves};
        if (net[0] == Q{} && net[1] == Q{} && net[2] == Q{}) continue;
        const auto account = accounts.empty() ? static_cast<std::uint32_t>(k) : accounts[k];
        rows.push_back(account);
        ++positions_[account];
        for (std::size_t m = 0; m < kMeasures; ++m) {
            if (widened(net[m]).magnitude() >= i256(limit))
                refuse("holdings and orders", l, "a net quantity has more than 20 digits");
            if constexpr (sizeof(Q) == 8) columns[m].push_back(net[m]);
            else columns[m].push_back(net[m].low128());
        }
    }
    const Source<Stored> source = {{columns[0].data(), columns[1].data(), columns[2].data()},
                                   split ? kMeasures : 1};
    grid_.fill(l, rows.data(), source, rows.size());
}

void ChunkRestore::merge() {
    const std::scoped_lock lock(restore_.mutex_);
    for (std::int32_t i = begin_; i < end_; ++i) {
        const auto l = std::size_t(i - begin_);
        auto& added = restore_.added_[std::size_t(i)];
        if (added != 0) corrupt("instrument " + std::to_string(i) + " is in two chunks");
        added = 1;
        state_.grid.take(std::size_t(i), grid_, l);
        Instrument& instrument = state_.board.own_instrument(i);
        instrument.abs_quantity = absolute_[l];
        first_page_[l] = state_.orders.adopt(i, instrument.quantity_scale, std::move(pages_[l]));
    }
    for (std::uint32_t a = 0; a < accounts_; ++a) {
        if (positions_[a] != 0) state_.positions.own(a) += positions_[a];
        if (account_orders_[a] != 0) state_.account_orders.own(a) += account_orders_[a];
    }
}

// Ids sorted by the table of the index that each goes to, so that a list is locked once.
void ChunkRestore::list_ids() {
    std::vector<std::uint64_t> hashes(orders_.rows);
    std::vector<std::uint32_t> start(OrderIndex::tables() + 1, 0);
    for (std::size_t k = 0; k < orders_.rows; ++k) {
        hashes[k] = hash_of(id(k), kind_);
        ++start[OrderIndex::table_of(hashes[k]) + 1];
    }
    for (std::size_t t = 1; t < start.size(); ++t) start[t] += start[t - 1];
    std::vector<std::uint64_t> sorted(orders_.rows);
    std::vector<Slot> slots(orders_.rows);
    std::vector<std::uint32_t> next(start.begin(), start.end() - 1);
    for (std::size_t l = 0; l + 1 < order_start_.size(); ++l)
        for (auto k = order_start_[l]; k < order_start_[l + 1]; ++k) {
            const auto at = next[OrderIndex::table_of(hashes[k])]++;
            sorted[at] = hashes[k];
            slots[at] =
                first_page_[l] * OrderPage::kRecords + static_cast<Slot>(k - order_start_[l]);
        }
    for (std::size_t t = 0; t + 1 < start.size(); ++t) {
        if (start[t] == start[t + 1]) continue;
        auto& list = restore_.ids_[t];
        const std::scoped_lock lock(list.mutex);
        list.hash.insert(list.hash.end(), &sorted[start[t]],
                         &sorted[start[t]] + (start[t + 1] - start[t]));
        list.slot.insert(list.slot.end(), &slots[start[t]],
                         &slots[start[t]] + (start[t + 1] - start[t]));
    }
}

void Restore::chunk(std::int32_t begin, std::int32_t end, const StoredHoldings& holdings,
                    const StoredOrders& orders) {
    if (begin < 0 || end < begin || std::size_t(end) > added_.size())
        corrupt("instruments " + std::to_string(begin) + " to " + std::to_string(end) +
                " are not all there");
    if (orders.rows > counts_.orders) corrupt("there are more orders than were stored");
    ChunkRestore(*this, begin, end, holdings, orders).run();
}

void Restore::index(std::size_t begin, std::size_t end) {
    const OrderStore& orders = live_.state.orders;
    for (auto t = begin; t < std::min(end, ids_.size()); ++t) {
        auto& list = ids_[t];
        const auto twice = live_.order_index.build(t, list.hash, list.slot, [&](Slot a, Slot b) {
            return orders.kind() == IdKind::text ? orders.text(a) == orders.text(b)
                                                 : orders.number(a) == orders.number(b);
        });
        if (twice != kNoSlot)
            corrupt("the order " +
                    to_text(orders.kind() == IdKind::text ? OrderId{0, orders.text(twice)}
                                                          : OrderId{orders.number(twice), {}}) +
                    " stands twice");
        indexed_ += list.slot.size();
        list.hash = {};
        list.slot = {};
    }
}

}  // namespace mvcore
