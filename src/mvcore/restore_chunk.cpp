#include "restore_chunk.hpp"

#include <type_traits>

namespace mvcore {
namespace {

std::uint64_t magnitude_of(std::int64_t v) { return static_cast<std::uint64_t>(v < 0 ? -v : v); }
i256 magnitude_of(const i256& v) { return v.magnitude(); }

}  // namespace

ChunkRestore::ChunkRestore(Restore& restore, std::int32_t begin, std::int32_t end,
                           const StoredHoldings& holdings, const StoredOrders& orders)
    : restore_(restore),
      state_(restore.live_.state),
      accounts_(static_cast<std::uint32_t>(state_.accounts_alive.size())),
      begin_(begin),
      end_(end),
      kind_(state_.orders.kind()),
      held_rows_(holdings.rows),
      orders_(orders),
      held_account_(holdings.account, holdings.rows),
      held_quantity_(holdings.quantity, holdings.rows),
      account_(orders.account, orders.rows),
      quantity_(orders.quantity, orders.rows),
      filled_(orders.filled, orders.rows),
      rolled_(orders.rolled, orders.rows),
      time_(orders.time, orders.rows),
      status_(orders.status, orders.rows),
      retained_(orders.retained, orders.rows),
      number_(orders.number, orders.rows),
      average_price_(orders.average_price.price, orders.rows),
      average_price_known_(orders.average_price.known, orders.rows),
      rolled_price_(orders.rolled_price.price, orders.rows),
      rolled_price_known_(orders.rolled_price.known, orders.rows),
      held_start_(
          starts(StoredColumn(holdings.instrument, holdings.rows), "holdings", holdings.rows)),
      order_start_(starts(StoredColumn(orders.instrument, orders.rows), "orders", orders.rows)),
      narrow_(std::max({quantity_.bits(), filled_.bits(), rolled_.bits()}) < 31 &&
              !average_price_.given() && !rolled_price_.given()),
      grid_(std::size_t(end - begin), accounts_),
      positions_(accounts_, 0),
      account_orders_(accounts_, 0),
      absolute_(std::size_t(end - begin)),
      pages_(std::size_t(end - begin)),
      first_page_(std::size_t(end - begin), 0) {
    for (const StoredColumn* column : {&held_account_, &account_, &time_, &status_, &retained_,
                                       &number_, &average_price_known_, &rolled_price_known_})
        if (column->wide()) corrupt("a column is wider than what it holds");
    if (orders.rows != 0 &&
        (kind_ == IdKind::none || (kind_ == IdKind::integer) != (orders.number.data != nullptr)))
        corrupt("the order ids are of another kind than the book's");
}

void ChunkRestore::run() {
    store_texts();
    // A holding adds one quantity to a sum, an order four at most: what it filled, what of that was
    // rolled, and what is left. Sums fit 64 bits, or may not.
    const auto terms = i128(held_rows_) + 4 * i128(orders_.rows);
    const int bits = i256(terms).bits() + std::max({held_quantity_.bits(), quantity_.bits(),
                                                    filled_.bits(), rolled_.bits()});
    const bool wide =
        held_quantity_.wide() || quantity_.wide() || filled_.wide() || rolled_.wide() || bits > 62;
    for (std::int32_t i = begin_; i < end_; ++i) {
        if (wide) line<i256>(i);
        else line<std::int64_t>(i);
    }
    merge();
    list_ids();
}

void ChunkRestore::refuse(const char* table, std::size_t row, const std::string& what) const {
    corrupt("instruments " + std::to_string(begin_) + " to " + std::to_string(end_ - 1) + ", " +
            table + ", row " + std::to_string(row) + ": " + what);
}

std::vector<std::size_t> ChunkRestore::starts(const StoredColumn& instrument, const char* table,
                                              std::size_t rows) const {
    std::vector<std::int64_t> of(rows);
    if (instrument.wide()) corrupt("a column is wider than what it holds");
    if (rows != 0) instrument.copy(0, rows, of.data());
    std::vector<std::size_t> out(1, 0);
    std::int64_t now = begin_;
    for (std::size_t k = 0; k < rows; ++k) {
        if (of[k] == now) continue;
        if (of[k] < now || of[k] >= end_) refuse(table, k, "the instrument is not in order");
        for (; now < of[k]; ++now) out.push_back(k);
    }
    out.resize(std::size_t(end_ - begin_) + 1, rows);
    return out;
}

i128 ChunkRestore::checked_quantity(i128 quantity, const char* table, std::size_t row,
                                    i128 limit) const {
    if (quantity >= limit || quantity <= -limit)
        refuse(table, row, "a quantity has more than 20 digits");
    return quantity;
}

template <class Q>
void ChunkRestore::line(std::int32_t i) {
    const auto l = std::size_t(i - begin_);
    const auto h = held_start_[l];
    if (h == held_start_[l + 1] && order_start_[l] == order_start_[l + 1]) return;
    if (!state_.instrument_alive(i)) refuse("holdings and orders", h, "the instrument is none");
    const i128 limit =
        kPow10[std::size_t(kMaxIntegerDigits + state_.board.instrument(i).quantity_scale)];
    now_.held_account.resize(held_start_[l + 1] - h);
    now_.account.resize(order_start_[l + 1] - order_start_[l]);
    held_account_.copy(h, held_start_[l + 1], now_.held_account.data());
    account_.copy(order_start_[l], order_start_[l + 1], now_.account.data());
    Parts<Q> parts;
    choose_accounts(l, parts);
    holdings(l, limit, parts);
    orders(i, limit, parts);
    absolute_[l] = i256(parts.absolute);
    fill(l, limit, parts);
}

template <class Q>
void ChunkRestore::choose_accounts(std::size_t l, Parts<Q>& parts) const {
    auto& accounts = parts.accounts;
    const bool few = (now_.held_account.size() + now_.account.size()) * 8 < accounts_;
    if (few) {
        for (std::size_t k = 0; k < now_.held_account.size(); ++k)
            accounts.push_back(
                checked_account(now_.held_account[k], "holdings", held_start_[l] + k));
        for (std::size_t k = 0; k < now_.account.size(); ++k)
            accounts.push_back(checked_account(now_.account[k], "orders", order_start_[l] + k));
        std::sort(accounts.begin(), accounts.end());
        accounts.erase(std::unique(accounts.begin(), accounts.end()), accounts.end());
    }
    parts.part.resize(few ? accounts.size() : accounts_);
}

template <class Q>
void ChunkRestore::holdings(std::size_t l, i128 limit, Parts<Q>& parts) {
    const auto start = held_start_[l];
    const auto rows = now_.held_account.size();
    if constexpr (sizeof(Q) == 8) {
        now_.held_quantity.resize(rows);
        held_quantity_.copy(start, start + rows, now_.held_quantity.data());
    }
    std::int64_t before = -1;
    for (std::size_t k = 0; k < rows; ++k) {
        const auto account = checked_account(now_.held_account[k], "holdings", start + k);
        if (account <= before) refuse("holdings", start + k, "the account is not in order");
        before = account;
        Q quantity;
        if constexpr (sizeof(Q) == 8) quantity = now_.held_quantity[k];  // below any limit
        else
            quantity = Q(checked_quantity(held_quantity_[start + k], "holdings", start + k, limit));
        if (quantity == Q{}) refuse("holdings", start + k, "the quantity is zero");
        parts[account].sod = quantity;
        parts.absolute += static_cast<Q>(magnitude_of(quantity));
    }
}

// The line of the grid: net quantities of the accounts that have any.
template <class Q>
void ChunkRestore::fill(std::size_t l, i128 limit, const Parts<Q>& parts) {
    using Stored = std::conditional_t<sizeof(Q) == 8, std::int64_t, i128>;
    const bool split = order_start_[l] != order_start_[l + 1];
    const auto most = parts.part.size();
    std::vector<std::uint32_t> rows(most);
    std::array<std::vector<Stored>, kMeasures> columns;
    for (auto& column : columns) column.resize(most);
    std::size_t n = 0;
    for (std::size_t k = 0; k < most; ++k) {
        const Part<Q>& p = parts.part[k];
        const std::array<Q, kMeasures> net = {p.sod, p.sod + p.fill, p.sod + p.fill + p.leaves};
        if (net[0] == Q{} && net[1] == Q{} && net[2] == Q{}) continue;
        rows[n] = parts.accounts.empty() ? static_cast<std::uint32_t>(k) : parts.accounts[k];
        ++positions_[rows[n]];
        for (std::size_t m = 0; m < kMeasures; ++m) {
            if constexpr (sizeof(Q) == 8) {
                columns[m][n] = net[m];
            } else {
                if (net[m].magnitude() >= i256(limit))
                    refuse("holdings and orders", held_start_[l],
                           "a net quantity of its instrument has more than 20 digits");
                columns[m][n] = net[m].low128();
            }
        }
        ++n;
    }
    const Source<Stored> source = {{columns[0].data(), columns[1].data(), columns[2].data()},
                                   split ? kMeasures : 1};
    grid_.fill(l, rows.data(), source, n);
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

void Restore::chunk(std::int32_t begin, std::int32_t end, const StoredHoldings& holdings,
                    const StoredOrders& orders) {
    if (begin < 0 || end < begin || std::size_t(end) > added_.size())
        corrupt("instruments " + std::to_string(begin) + " to " + std::to_string(end) +
                " are not all there");
    if (orders.rows > counts_.orders) corrupt("there are more orders than were stored");
    ChunkRestore(*this, begin, end, holdings, orders).run();
}

}  // namespace mvcore
