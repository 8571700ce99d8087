#include "mvcore/checkpoint/restore_chunk.hpp"

#include <type_traits>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/tuning.hpp"

namespace mvcore {

namespace {

std::uint64_t magnitude_of(std::int64_t v) { return static_cast<std::uint64_t>(v < 0 ? -v : v); }
i256 magnitude_of(const i256& v) { return v.magnitude(); }

constexpr const char* kOpposite = "filled_quantity and order_quantity have opposite signs";
constexpr const char* kUnknownStatus = "the status is unknown";

}  // namespace

ChunkRestore::ChunkRestore(Restore& restore, InstrumentCode begin, InstrumentCode end,
                           const StoredHoldings& holdings, const StoredOrders& orders)
    : restore_(restore),
      state_(restore.book_state_.state),
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
      grid_(code_index(end) - code_index(begin), accounts_),
      positions_(accounts_, 0),
      account_orders_(accounts_, 0),
      absolute_(code_index(end) - code_index(begin)),
      pages_(code_index(end) - code_index(begin)),
      first_page_(code_index(end) - code_index(begin), 0) {
    for (const StoredColumn* column : {&held_account_, &account_, &time_, &status_, &retained_,
                                       &number_, &average_price_known_, &rolled_price_known_})
        if (column->wide()) corrupt("a column is wider than what it holds");
    if (orders.rows != 0 &&
        (kind_ == IdKind::none || (kind_ == IdKind::integer) != (orders.number.data != nullptr)))
        corrupt("the order ids are of another kind than the book's");
}

void ChunkRestore::run() {
    store_texts();
    // A holding adds one quantity to a sum. An order adds at most four: filled less rolled, and
    // quantity less filled. If these bounds prove that sums fit 64 bits, 64 bits are used.
    const auto terms = i128(held_rows_) + 4 * i128(orders_.rows);
    const int bits = i256(terms).bits() + std::max({held_quantity_.bits(), quantity_.bits(),
                                                    filled_.bits(), rolled_.bits()});
    const bool wide =
        held_quantity_.wide() || quantity_.wide() || filled_.wide() || rolled_.wide() || bits > 62;
    for (const auto i : instruments_between(begin_, end_)) {
        if (wide) line<i256>(i);
        else line<std::int64_t>(i);
    }
    merge();
    list_ids();
}

void ChunkRestore::refuse(const char* table, std::size_t row, const std::string& what) const {
    corrupt("instruments " + std::to_string(raw(begin_)) + " to " + std::to_string(raw(end_) - 1) +
            ", " + table + ", row " + std::to_string(row) + ": " + what);
}

std::vector<std::size_t> ChunkRestore::starts(const StoredColumn& instrument, const char* table,
                                              std::size_t rows) const {
    std::vector<std::int64_t> of(rows);
    if (instrument.wide()) corrupt("a column is wider than what it holds");
    if (rows != 0) instrument.copy(0, rows, of.data());
    std::vector<std::size_t> out(1, 0);
    std::int64_t now = raw(begin_);
    for (std::size_t k = 0; k < rows; ++k) {
        if (of[k] == now) continue;
        if (of[k] < now || of[k] >= raw(end_)) refuse(table, k, "the instrument is not in order");
        for (; now < of[k]; ++now) out.push_back(k);
    }
    out.resize(code_index(end_) - code_index(begin_) + 1, rows);
    MVCORE_ASSERT(out.front() == 0 && out.back() == rows);
    MVCORE_ASSERT(std::is_sorted(out.begin(), out.end()));
    return out;
}

i128 ChunkRestore::checked_quantity(i128 quantity, const char* table, std::size_t row,
                                    int scale) const {
    if (!within_integer_digits(quantity, scale))
        refuse(table, row, "a quantity has more than 20 digits");
    return quantity;
}

template <class Q>
void ChunkRestore::line(InstrumentCode i) {
    const auto l = line_of(i);
    const auto h = held_start_[l];
    if (h == held_start_[l + 1] && order_start_[l] == order_start_[l + 1]) return;
    if (!state_.instrument_alive(i))
        refuse("holdings and orders", h,
               "instrument code " + std::to_string(raw(i)) + " is out of range or removed");
    const int scale = state_.board.instrument(i).quantity_scale;
    now_.held_account.resize(held_start_[l + 1] - h);
    now_.account.resize(order_start_[l + 1] - order_start_[l]);
    held_account_.copy(h, held_start_[l + 1], now_.held_account.data());
    account_.copy(order_start_[l], order_start_[l + 1], now_.account.data());
    Parts<Q> parts;
    choose_accounts(l, parts);
    holdings(l, scale, parts);
    orders(i, scale, parts);
    MVCORE_ASSERT(pages_[l].size() ==
                  (now_.account.size() + OrderPage::kRecords - 1) / OrderPage::kRecords);
    MVCORE_ASSERT(pages_[l].empty() ||
                  pages_[l].back()->used == (now_.account.size() - 1) % OrderPage::kRecords + 1);
    absolute_[l] = i256(parts.absolute);
    fill(l, scale, parts);
}

template <class Q>
void ChunkRestore::choose_accounts(std::size_t l, Parts<Q>& parts) const {
    auto& accounts = parts.accounts;
    const auto rows = now_.held_account.size() + now_.account.size();
    const bool few = rows * tuning::kCellsOfLookup < accounts_;
    if (few) {
        for (std::size_t k = 0; k < now_.held_account.size(); ++k)
            accounts.push_back(static_cast<std::uint32_t>(
                checked_account(now_.held_account[k], "holdings", held_start_[l] + k)));
        for (std::size_t k = 0; k < now_.account.size(); ++k)
            accounts.push_back(static_cast<std::uint32_t>(
                checked_account(now_.account[k], "orders", order_start_[l] + k)));
        std::sort(accounts.begin(), accounts.end());
        accounts.erase(std::unique(accounts.begin(), accounts.end()), accounts.end());
    }
    MVCORE_ASSERT(accounts.empty() != few);  // empty: indexed by account
    parts.part.resize(few ? accounts.size() : accounts_);
}

template <class Q>
void ChunkRestore::holdings(std::size_t l, int scale, Parts<Q>& parts) {
    const auto start = held_start_[l];
    const auto rows = now_.held_account.size();
    if constexpr (sizeof(Q) == 8) {
        now_.held_quantity.resize(rows);
        held_quantity_.copy(start, start + rows, now_.held_quantity.data());
    }
    std::int64_t before = -1;
    for (std::size_t k = 0; k < rows; ++k) {
        const auto account = checked_account(now_.held_account[k], "holdings", start + k);
        if (raw(account) <= before) refuse("holdings", start + k, "the account is not in order");
        before = raw(account);
        Q quantity;
        if constexpr (sizeof(Q) == 8) quantity = now_.held_quantity[k];  // below any limit
        else
            quantity = Q(checked_quantity(held_quantity_[start + k], "holdings", start + k, scale));
        if (quantity == Q{}) refuse("holdings", start + k, "the quantity is zero");
        parts[account].sod = quantity;
        parts.absolute += static_cast<Q>(magnitude_of(quantity));
    }
}

// Fills the line of the grid with the net quantities of the accounts that have any.
template <class Q>
void ChunkRestore::fill(std::size_t l, int scale, const Parts<Q>& parts) {
    using Stored = std::conditional_t<sizeof(Q) == 8, std::int64_t, i128>;
    const bool split = order_start_[l] != order_start_[l + 1];
    const auto most = parts.part.size();
    std::vector<std::uint32_t> rows(most);
    std::array<std::vector<Stored>, kMeasures> columns;
    for (auto& column : columns) column.resize(most);
    std::size_t n = 0;
    for (std::size_t k = 0; k < most; ++k) {
        const Part<Q>& p = parts.part[k];
        MVCORE_ASSERT(split || (p.fill == Q{} && p.leaves == Q{}));
        const std::array<Q, kMeasures> net = {p.sod, p.sod + p.fill, p.sod + p.fill + p.leaves};
        if (net[0] == Q{} && net[1] == Q{} && net[2] == Q{}) continue;
        rows[n] = parts.accounts.empty() ? static_cast<std::uint32_t>(k) : parts.accounts[k];
        ++positions_[rows[n]];
        for (std::size_t m = 0; m < kMeasures; ++m) {
            if constexpr (sizeof(Q) == 8) {
                columns[m][n] = net[m];
            } else {
                if (!within_integer_digits(net[m], scale))
                    refuse("holdings and orders", held_start_[l],
                           "a net quantity of its instrument has more than 20 digits");
                columns[m][n] = net[m].low128();
            }
        }
        ++n;
    }
    const QuantityColumns<Stored> source = {
        {columns[0].data(), columns[1].data(), columns[2].data()}, split ? kMeasures : 1};
    grid_.fill(l, rows.data(), source, n);
}

void ChunkRestore::merge() {
    const std::scoped_lock lock(restore_.mutex_);
    for (const auto i : instruments_between(begin_, end_)) {
        const auto l = line_of(i);
        auto& added = restore_.added_[std::size_t(i)];
        if (added != 0) corrupt("instrument " + std::to_string(raw(i)) + " is in two chunks");
        added = 1;
        state_.grid.take(std::size_t(i), grid_, l);
        Instrument& instrument = state_.board.own_instrument(i);
        instrument.abs_quantity = absolute_[l];
        first_page_[l] = state_.orders.adopt(i, instrument.quantity_scale, std::move(pages_[l]));
        MVCORE_ASSERT(state_.orders.count(i) == order_start_[l + 1] - order_start_[l]);
    }
    [[maybe_unused]] std::size_t orders = 0;
    for (std::uint32_t a = 0; a < accounts_; ++a) {
        if (positions_[a] != 0) state_.positions.own(a) += positions_[a];
        if (account_orders_[a] != 0) state_.account_orders.own(a) += account_orders_[a];
        orders += account_orders_[a];
    }
    MVCORE_ASSERT(orders == orders_.rows);
}

void Restore::chunk(InstrumentCode begin, InstrumentCode end, const StoredHoldings& holdings,
                    const StoredOrders& orders) {
    if (!is_code(begin) || end < begin || std::size_t(end) > added_.size())
        corrupt("instruments " + std::to_string(raw(begin)) + " to " + std::to_string(raw(end)) +
                " are not all there");
    if (orders.rows > counts_.orders) corrupt("there are more orders than were stored");
    ChunkRestore(*this, begin, end, holdings, orders).run();
}

// ---- orders of a chunk: into pages of their instruments, their ids into the index ----

void ChunkRestore::store_texts() {
    if (kind_ != IdKind::text) return;
    for (std::size_t k = 0; k < orders_.rows; ++k) {
        const auto text = text_of(orders_.text, k);
        if (text.empty() || text.size() > TextArena::kMostBytes || !valid_utf8(text))
            refuse("orders", k,
                   "the order id " + quoted(text) + " is empty, longer than " +
                       std::to_string(TextArena::kMostBytes) + " bytes, or not valid UTF-8");
    }
    texts_.reserve(orders_.rows);
    const std::scoped_lock lock(restore_.mutex_);
    for (std::size_t k = 0; k < orders_.rows; ++k)
        texts_.push_back(state_.orders.store(text_of(orders_.text, k)));
    MVCORE_ASSERT(texts_.size() == orders_.rows);
}

// Adds the page whose first order is order `row` of the instrument's `rows` orders.
OrderPage& ChunkRestore::add_page(InstrumentCode i, std::size_t row, std::size_t rows) {
    const std::uint32_t room =
        rows - row <= tuning::kFirstOrders && row == 0 ? tuning::kFirstOrders : OrderPage::kRecords;
    auto& pages = pages_[line_of(i)];
    pages.emplace_back(std::make_unique<OrderPage>(i, room));
    return pages.back().writable();
}

std::uint64_t ChunkRestore::stored_id(std::size_t k) const {
    return kind_ == IdKind::text ? texts_[k] : static_cast<std::uint64_t>(number_[k]);
}

FillPrice ChunkRestore::price(const StoredColumn& price, const StoredColumn& known,
                              std::size_t k) const {
    if (!price.given()) return {};
    const i128 is_known = known[k];
    if (is_known != 0 && is_known != 1) refuse("orders", k, "a mark is neither true nor false");
    if (is_known == 0) return {};
    const auto result = make_decimal(price[k], kMaxScale);
    if (!result) refuse("orders", k, std::string("an average price ") + describe(result.fault));
    return {result.value.mantissa, result.value.scale};
}

Order ChunkRestore::order(std::size_t k, InstrumentCode i, int scale) const {
    Order o;
    o.account = checked_account(static_cast<std::int64_t>(account_[k]), "orders", k);
    o.instrument = i;
    o.quantity = checked_quantity(quantity_[k], "orders", k, scale);
    o.filled = checked_quantity(filled_[k], "orders", k, scale);
    o.rolled = checked_quantity(rolled_[k], "orders", k, scale);
    if (!signs_agree(o.quantity, o.filled)) refuse("orders", k, kOpposite);
    if (!day_fill_fits(o.filled, o.rolled, scale))
        refuse("orders", k, "rolled_quantity is too far from filled_quantity");
    o.average_price = price(average_price_, average_price_known_, k);
    o.rolled_price = price(rolled_price_, rolled_price_known_, k);
    const i128 status = status_[k];
    if (!is_status(status)) refuse("orders", k, kUnknownStatus);
    o.status = static_cast<Status>(status);
    const i128 retained = retained_.given() ? retained_[k] : 0;
    if (retained < 0 || retained > 1) refuse("orders", k, "retained is neither 0 nor 1");
    o.retained = retained != 0;
    o.time = time_.given() ? static_cast<std::int64_t>(time_[k]) : kNoTime;
    return o;
}

template <class Q>
void ChunkRestore::orders(InstrumentCode i, int scale, Parts<Q>& parts) {
    const auto l = line_of(i);
    const auto start = order_start_[l];
    const auto rows = order_start_[l + 1] - start;
    if constexpr (sizeof(Q) == 8)
        if (narrow_) return narrow_orders(i, parts);
    const auto magnitude = [](i128 q) { return Q(q < 0 ? -q : q); };
    for (std::size_t row = 0; row < rows; ++row) {
        const Order o = order(start + row, i, scale);
        auto& p = parts[o.account];
        p.fill += Q(o.day_fill());
        p.leaves += Q(o.leaves());
        parts.absolute += magnitude(o.day_fill()) + magnitude(o.leaves());
        ++account_orders_[code_index(o.account)];
        if (row % OrderPage::kRecords == 0) add_page(i, row, rows);
        OrderStore::append(pages_[l].back().writable(), o, stored_id(start + row), kind_);
    }
}
template void ChunkRestore::orders(InstrumentCode, int, Parts<std::int64_t>&);
template void ChunkRestore::orders(InstrumentCode, int, Parts<i256>&);

void ChunkRestore::narrow_orders(InstrumentCode i, Parts<std::int64_t>& parts) {
    const auto l = line_of(i);
    const auto start = order_start_[l];
    const auto rows = order_start_[l + 1] - start;
    const auto take = [&](const StoredColumn& column, std::vector<std::int64_t>& into) {
        into.resize(rows);
        if (column.given()) column.copy(start, start + rows, into.data());
    };
    take(quantity_, now_.quantity);
    take(filled_, now_.filled);
    take(rolled_, now_.rolled);
    take(status_, now_.status);
    take(retained_, now_.retained);
    take(time_, now_.time);
    take(number_, now_.number);
    for (std::size_t row = 0; row < rows; row += OrderPage::kRecords)
        narrow_page(add_page(i, row, rows), row,
                    std::min(rows - row, std::size_t{OrderPage::kRecords}), start + row, parts);
}

// Fast path of order() and OrderStore::append() for narrow quantities. Starts at row `row` of the
// line, which is row k of the chunk.
void ChunkRestore::narrow_page(OrderPage& page, std::size_t row, std::size_t rows, std::size_t k,
                               Parts<std::int64_t>& parts) {
    const bool text = kind_ == IdKind::text;
    Extras extras;
    for (std::size_t n = row; n < row + rows; ++n) {
        extras.time |= time_.given() && now_.time[n] != kNoTime;
        extras.high |= !text && static_cast<std::uint64_t>(now_.number[n]) >> 32 != 0;
        extras.rolled |= now_.rolled[n] != 0;
    }
    MVCORE_ASSERT(page.used == 0 && rows <= page.capacity);
    page.need(extras);
    for (std::size_t n = 0; n < rows; ++n) {
        const auto account = checked_account(now_.account[row + n], "orders", k + n);
        const std::int64_t quantity = now_.quantity[row + n];
        const std::int64_t filled = now_.filled[row + n];
        const std::int64_t status = now_.status[row + n];
        if (!signs_agree(quantity, filled)) refuse("orders", k + n, kOpposite);
        if (!is_status(status)) refuse("orders", k + n, kUnknownStatus);
        const std::int64_t retained = now_.retained[row + n];
        if ((retained & ~std::int64_t{1}) != 0)
            refuse("orders", k + n, "retained is neither 0 nor 1");
        const std::int64_t leaves = leaves_of(static_cast<Status>(status), quantity, filled);
        const std::int64_t fill = filled - now_.rolled[row + n];
        auto& p = parts[account];
        p.fill += fill;
        p.leaves += leaves;
        parts.absolute += (fill < 0 ? -fill : fill) + (leaves < 0 ? -leaves : leaves);
        ++account_orders_[code_index(account)];
        const auto id = text ? texts_[k + n] : static_cast<std::uint64_t>(now_.number[row + n]);
        page.records[n] = {
            OrderRecord::pack(account, retained != 0, static_cast<std::uint32_t>(status)),
            static_cast<std::int32_t>(quantity), static_cast<std::int32_t>(filled),
            static_cast<std::uint32_t>(id)};
        if (page.time) page.time[n] = time_.given() ? now_.time[row + n] : kNoTime;
        if (page.high) page.high[n] = static_cast<std::uint32_t>(id >> 32);
        if (page.rolled) page.rolled[n] = static_cast<std::int32_t>(now_.rolled[row + n]);
    }
    page.used = static_cast<std::uint32_t>(rows);
}

std::vector<std::uint64_t> ChunkRestore::hashes() const {
    std::vector<std::uint64_t> out(orders_.rows);
    if (kind_ == IdKind::text) {
        for (std::size_t k = 0; k < out.size(); ++k)
            out[k] = hash_of({0, text_of(orders_.text, k)}, kind_);
    } else if (!out.empty()) {
        std::vector<std::int64_t> numbers(out.size());
        number_.copy(0, out.size(), numbers.data());
        for (std::size_t k = 0; k < out.size(); ++k) out[k] = hash_of({numbers[k], {}}, kind_);
    }
    return out;
}

// Sorts the ids by table of the index, so that each list is locked only once.
void ChunkRestore::list_ids() {
    const auto tables = OrderIndex::tables();
    const auto hashes = this->hashes();
    std::vector<std::uint32_t> start(tables + 1, 0);
    for (const auto hash : hashes) ++start[OrderIndex::table_of(hash) + 1];
    for (std::size_t t = 1; t <= tables; ++t) start[t] += start[t - 1];
    MVCORE_ASSERT(start[tables] == orders_.rows);
    std::vector<std::uint64_t> sorted(orders_.rows);
    std::vector<Slot> slots(orders_.rows);
    std::vector<std::uint32_t> next(start.begin(), start.end() - 1);
    for (std::size_t l = 0; l + 1 < order_start_.size(); ++l)
        for (auto k = order_start_[l]; k < order_start_[l + 1]; ++k) {
            const auto at = next[OrderIndex::table_of(hashes[k])]++;
            sorted[at] = hashes[k];
            slots[at] = OrderStore::slot_at(first_page_[l],
                                            static_cast<std::uint32_t>(k - order_start_[l]));
        }
    restore_.listed_ += orders_.rows;
    for (std::size_t t = 0; t < tables; ++t) {
        MVCORE_ASSERT(next[t] == start[t + 1]);
        const auto [from, to] = std::pair(start[t], start[t + 1]);
        if (from == to) continue;
        auto& ids = restore_.ids_[t];
        const std::scoped_lock lock(ids.mutex);
        ids.hash.insert(ids.hash.end(), sorted.begin() + from, sorted.begin() + to);
        ids.slot.insert(ids.slot.end(), slots.begin() + from, slots.begin() + to);
    }
    restore_.index_if_many();
}

// ---- the index ----

// One thread at a time indexes. The others continue with their chunks.
void Restore::index_if_many() {
    if (listed_ < tuning::kMostListed || indexing_.exchange(true)) return;
    index(0, ids_.size());
    indexing_ = false;
}

void Restore::index(std::size_t begin, std::size_t end) {
    std::vector<std::pair<Slot, Slot>> alike;
    std::vector<std::uint64_t> hashes;
    std::vector<Slot> slots;
    for (auto t = begin; t < std::min(end, ids_.size()); ++t) {
        hashes.clear();
        slots.clear();
        {
            const std::scoped_lock lock(ids_[t].mutex);
            hashes.swap(ids_[t].hash);
            slots.swap(ids_[t].slot);
        }
        index(t, hashes, slots, alike);
    }
    check_apart(alike);
}

void Restore::index(std::size_t table, const std::vector<std::uint64_t>& hashes,
                    const std::vector<Slot>& slots, std::vector<std::pair<Slot, Slot>>& alike) {
    MVCORE_ASSERT(hashes.size() == slots.size());
    if (slots.empty()) return;
    OrderIndex& index = book_state_.order_index;
    const OrderStore& orders = book_state_.state.orders;
    index.reserve_tables(table, table + 1,
                         std::min(std::size_t(counts_.orders), tuning::kMostReserved));
    index.reserve(hashes[0], hashes.size(), [&](Slot slot) { return orders.hash_at(slot); });
    for (std::size_t n = 0; n < slots.size(); ++n) {
        MVCORE_ASSERT(OrderIndex::table_of(hashes[n]) == table);
        if (n + tuning::kBucketsAhead < slots.size())
            index.prefetch(hashes[n + tuning::kBucketsAhead]);
        // Equal tags may be equal ids. check_apart() compares the ids later, with prefetching.
        static_cast<void>(index.find(hashes[n], [&](Slot other) {
            alike.emplace_back(other, slots[n]);
            return false;
        }));
        index.insert(hashes[n], slots[n]);
    }
    MVCORE_ASSERT(listed_ >= slots.size());
    listed_ -= slots.size();
    indexed_ += slots.size();
}

void Restore::check_apart(const std::vector<std::pair<Slot, Slot>>& alike) const {
    const OrderStore& orders = book_state_.state.orders;
    const bool text = orders.kind() == IdKind::text;
    for (std::size_t n = 0; n < alike.size(); ++n) {
        if (n + 2 * tuning::kComparedAhead < alike.size())
            orders.prefetch_page(alike[n + 2 * tuning::kComparedAhead].first);
        if (n + tuning::kComparedAhead < alike.size())
            orders.prefetch(alike[n + tuning::kComparedAhead].first);
        const auto [a, b] = alike[n];
        if (text ? orders.text(a) != orders.text(b) : orders.number(a) != orders.number(b))
            continue;
        const OrderId id = text ? OrderId{0, orders.text(a)} : OrderId{orders.number(a), {}};
        corrupt("duplicate order " + to_text(id));
    }
}

}  // namespace mvcore
