#include "mvcore/state/account_index.hpp"

#include <algorithm>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/tuning.hpp"

namespace mvcore {
namespace {

bool fits32(std::int64_t v) { return v == static_cast<std::int32_t>(v); }

// Number of cells of a sparse block below `row`. Looks at both ends first: many runs are of one
// instrument, such as cash, and come first or last.
std::uint32_t offsets_below(const Block& block, std::uint32_t row) {
    const std::uint16_t* rows = block.offset();
    const std::uint32_t n = block.count();
    MVCORE_ASSERT(n > 0 && !block.dense());
    if (row <= rows[0]) return 0;
    if (row > rows[n - 1]) return n;
    // Now n > 1, because the first cell is below `row` and the last is not.
    if (row > rows[n - 2]) return n - 1;
    if (row <= rows[1]) return 1;
    return static_cast<std::uint32_t>(std::lower_bound(rows, rows + n, row) - rows);
}

// Calls f(block, first cell, end cell, index row) for each block of the account's line with cells
// in [begin, end). `index_row` is the index row of the first cell if the block is dense, and the
// first index row of the block if it is sparse.
template <class F>
void for_pieces(const Grid& grid, std::size_t line, std::uint32_t begin, std::uint32_t end, F&& f) {
    MVCORE_ASSERT(line < grid.lines() && begin <= end && end <= grid.rows());
    for (std::size_t b = begin / Block::kRows; b < grid.blocks(); ++b) {
        const auto start = static_cast<std::uint32_t>(b * Block::kRows);
        if (start >= end) return;
        const Block& block = grid.block(line, b);
        if (block.empty()) continue;
        const auto from = begin > start ? begin - start : 0;
        const auto to = end - start;
        std::uint32_t first = from;
        std::uint32_t last = std::min(to, block.count());
        if (!block.dense()) {
            first = offsets_below(block, from);
            last = offsets_below(block, to);
        }
        MVCORE_ASSERT(last <= block.count());
        if (first < last) f(block, first, last, block.dense() ? start + first : start);
    }
}

const void* cell(const Block& block, int measure, std::uint32_t k) {
    MVCORE_ASSERT(k < block.count() && measure >= 0 && measure < kMeasures);
    return static_cast<const std::byte*>(block.quantity(measure)) +
           k * kernels::width_bytes(block.width());
}

// Sum of quantity * price in 256 bits, for units that need them. `offset` is null for dense cells.
i256 wide_sum(Width width, const void* quantity, const std::uint16_t* offset,
              const std::int64_t* prices, std::size_t n) {
    return with_quantity(width, quantity, [&](const auto* q) {
        i256 sum;
        for (std::size_t k = 0; k < n; ++k)
            sum += i256(static_cast<i128>(q[k])) * i256(prices[offset ? offset[k] : k]);
        return sum;
    });
}

template <class T>
T sparse_sum(Width width, const void* quantity, const std::uint16_t* offset,
             const std::int64_t* prices, std::size_t n) {
    return with_quantity(width, quantity, [&](const auto* q) {
        T sum = 0;
        for (std::size_t k = 0; k < n; ++k)
            sum += static_cast<T>(static_cast<i128>(q[k])) *
                   static_cast<T>(static_cast<i128>(prices[offset[k]]));
        return sum;
    });
}

// Writes the accounts' lines from the instruments' lines, one group of accounts at a time, so that
// the buffers stay small.
template <class Q>
void transpose(const Grid& by_instrument, const std::vector<InstrumentCode>& order,
               const std::vector<std::size_t>& start, Grid& grid) {
    const std::uint32_t accounts = by_instrument.rows();
    const int columns = by_instrument.split() ? kMeasures : 1;
    MVCORE_ASSERT(start.size() == accounts + 1 && order.size() <= by_instrument.lines());
    MVCORE_ASSERT(grid.lines() == accounts && grid.rows() == order.size());
    std::vector<std::uint32_t> index_rows;
    std::array<std::vector<Q>, kMeasures> quantities;
    std::vector<std::size_t> next;
    for (std::uint32_t a = 0; a < accounts;) {
        std::uint32_t end = a + 1;
        while (end < accounts && start[end + 1] - start[a] <= tuning::kCellsInFlight) ++end;
        index_rows.resize(start[end] - start[a]);
        for (int c = 0; c < columns; ++c) quantities[std::size_t(c)].resize(index_rows.size());
        next.assign(start.begin() + a, start.begin() + end);
        for (std::uint32_t index_row = 0; index_row < order.size(); ++index_row)
            by_instrument.for_each_between(
                std::size_t(order[index_row]), a, end, [&](auto row, const Net& net) {
                    const auto k = next[row - a]++ - start[a];
                    index_rows[k] = index_row;
                    for (std::size_t c = 0; c < std::size_t(columns); ++c)
                        quantities[c][k] = static_cast<Q>(net[c]);
                });
        for (std::uint32_t k = a; k < end; ++k) {
            const auto at = start[k] - start[a];
            MVCORE_ASSERT(next[k - a] == start[k + 1]);  // found as many cells as were counted
            QuantityColumns<Q> source = {{}, columns};
            for (std::size_t c = 0; c < std::size_t(columns); ++c)
                source.quantity[c] = quantities[c].data() + at;
            grid.fill(k, index_rows.data() + at, source, start[k + 1] - start[k]);
        }
        a = end;
    }
}

}  // namespace

AccountIndex AccountIndex::of(const Grid& by_instrument, const Board& board) {
    AccountIndex index;
    const auto n = std::min(board.size(), by_instrument.lines());
    std::vector<InstrumentCode>& order = index.instruments_;
    order.reserve(n);
    for (const auto i : instruments_below(n)) order.push_back(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return board.quote(a).unit < board.quote(b).unit; });
    index.index_rows_.resize(order.size());
    for (std::uint32_t index_row = 0; index_row < order.size(); ++index_row) {
        const UnitId unit = board.quote(order[index_row]).unit;
        auto& runs = index.runs_;
        MVCORE_ASSERT(runs.empty() || runs.back().unit <= unit);  // one run for each unit
        if (runs.empty() || runs.back().unit != unit)
            runs.push_back({unit, index_row, index_row, 0});
        runs.back().end = index_row + 1;
        index.index_rows_[std::size_t(order[index_row])] = index_row;
    }
    // Sorts the cells by account: count, add up the starts, fill.
    const std::uint32_t accounts = by_instrument.rows();
    std::vector<std::size_t> start(accounts + 1, 0);
    for (auto i : order)
        by_instrument.for_each(std::size_t(i), [&](auto row, const Net&) { ++start[row + 1]; });
    for (std::uint32_t a = 0; a < accounts; ++a) start[a + 1] += start[a];
    index.grid_ = Grid(accounts, static_cast<std::uint32_t>(n));
    bool wide = false;
    for (std::size_t i = 0; i < order.size() && !wide; ++i)
        for (std::size_t b = 0; b < by_instrument.blocks(); ++b)
            wide |= by_instrument.block(i, b).width() == kernels::w128;
    if (wide) transpose<i128>(by_instrument, order, start, index.grid_);
    else transpose<std::int64_t>(by_instrument, order, start, index.grid_);
    return index;
}

// Adds instruments and accounts created since the copy was taken. Their index rows follow all runs.
void AccountIndex::grow(std::size_t instruments, std::uint32_t accounts) {
    for (auto i = instruments_.size(); i < instruments; ++i) {
        index_rows_.push_back(static_cast<std::uint32_t>(i));
        instruments_.push_back(InstrumentCode(i));
    }
    grid_.extend(accounts, static_cast<std::uint32_t>(instruments_.size()));
    MVCORE_ASSERT(index_rows_.size() == instruments_.size() && grid_.rows() >= instruments_.size());
}

void AccountIndex::put(AccountCode account, InstrumentCode instrument, const Net& quantity) {
    MVCORE_ASSERT(!built_ && code_index(instrument) < index_rows_.size());
    const auto index_row = index_rows_[code_index(instrument)];
    MVCORE_ASSERT(code_index(account) < grid_.lines() && instruments_[index_row] == instrument);
    grid_.reserve(code_index(account), index_row, quantity);
    grid_.set(code_index(account), index_row, quantity);
}

void AccountIndex::follow(const Grid& now, AccountCode account, InstrumentCode instrument) {
    MVCORE_ASSERT(!built_);
    MVCORE_ASSERT(code_index(instrument) < now.lines() && std::uint32_t(account) < now.rows());
    grow(code_index(instrument) + 1, now.rows());
    put(account, instrument, now.get(code_index(instrument), std::uint32_t(account)));
}

void AccountIndex::follow(const Grid& before, const Grid& now) {
    MVCORE_ASSERT(!built_);
    MVCORE_ASSERT(before.rows() <= now.rows());
    // A write that ran out of memory may have left more lines than the board has instruments. Such
    // lines are empty.
    std::vector<Net> held_before;
    for (std::size_t line = 0; line < now.lines(); ++line)
        for (std::size_t b = 0; b < now.blocks(); ++b) {
            static const Block none;
            const bool there = line < before.lines() && b < before.blocks();
            const Block& old = there ? before.block(line, b) : none;
            const Block& block = now.block(line, b);
            if (block.same(old)) continue;
            grow(line + 1, now.rows());
            const auto first = static_cast<std::uint32_t>(b * Block::kRows);
            const auto instrument = InstrumentCode(line);
            held_before.assign(Block::kRows, Net{});
            old.for_each([&](std::uint32_t row, const Net& q) { held_before[row] = q; });
            block.for_each([&](std::uint32_t row, const Net& q) {
                if (held_before[row] != q) put(AccountCode(first + row), instrument, q);
                held_before[row] = Net{};
            });
            for (std::uint32_t row = 0; row < Block::kRows; ++row)
                if (held(held_before[row])) put(AccountCode(first + row), instrument, Net{});
        }
}

void AccountIndex::install(Board& board, std::uint32_t accounts) {
    MVCORE_ASSERT(!built_ && instruments_.size() <= board.size());
    grow(board.size(), accounts);
    MVCORE_ASSERT(runs_.empty() || runs_.back().end <= instruments_.size());
    std::vector<std::int64_t> prices(instruments_.size(), 0);
    std::vector<InstrumentCode> loose;
    loose.reserve(instruments_.size());
    for (auto i : instruments_) static_cast<void>(board.own_quote(i));
    // From here on nothing can fail, so that quotes and index change together.
    const auto place = [&](std::uint32_t index_row, Run* run) {
        Quote& quote = board.own_quote(instruments_[index_row]);
        MVCORE_ASSERT(index_rows_[std::size_t(instruments_[index_row])] == index_row);
        quote.index_row = index_row;
        quote.loose = run == nullptr || quote.wide || quote.unit != run->unit;
        if (quote.loose) loose.push_back(instruments_[index_row]);
        else if (quote.priced) prices[index_row] = quote.price;
        if (run != nullptr && !fits32(prices[index_row])) ++run->wide_prices;
    };
    std::uint32_t index_row = 0;
    for (Run& run : runs_)
        for (run.wide_prices = 0; index_row < run.end; ++index_row) place(index_row, &run);
    for (; index_row < instruments_.size(); ++index_row) place(index_row, nullptr);
    prices_ = std::move(prices);
    loose_ = std::move(loose);
    index_rows_ = {};
    wide_at_build_ = loose_.size();
    built_ = true;
    MVCORE_ASSERT(prices_.size() == instruments_.size());
    MVCORE_ASSERT(grid_.lines() >= accounts && grid_.rows() == instruments_.size());
    for (auto i : loose_) MVCORE_ASSERT(prices_[board.quote(i).index_row] == 0);
}

void AccountIndex::drop_if_loose() noexcept {
    MVCORE_ASSERT(!built_ || loose_.size() <= instruments_.size());
    const auto most =
        wide_at_build_ + tuning::kLooseAlways + instruments_.size() / tuning::kLooseShare;
    if (built_ && loose_.size() > most) drop();
}

void AccountIndex::extend(Board& board, std::uint32_t accounts) {
    MVCORE_ASSERT(built_ && instruments_.size() <= board.size());
    grid_.extend(accounts, static_cast<std::uint32_t>(board.size()));
    loose_.reserve(loose_.size() + board.size() - instruments_.size());
    prices_.resize(board.size(), 0);
    while (instruments_.size() < board.size()) {
        const auto instrument = InstrumentCode(instruments_.size());
        Quote& quote = board.own_quote(instrument);
        quote.index_row = static_cast<std::uint32_t>(instruments_.size());
        quote.loose = true;
        instruments_.push_back(instrument);
        loose_.push_back(instrument);
    }
    MVCORE_ASSERT(instruments_.size() == board.size());
    MVCORE_ASSERT(prices_.size() == instruments_.size() && grid_.rows() == instruments_.size());
}

std::size_t AccountIndex::run_at(std::uint32_t index_row) const noexcept {
    const auto after = std::upper_bound(runs_.begin(), runs_.end(), index_row,
                                        [](auto s, const Run& run) { return s < run.begin; });
    MVCORE_ASSERT(after != runs_.begin() && index_row < std::prev(after)->end);
    return static_cast<std::size_t>(after - runs_.begin()) - 1;
}

void AccountIndex::loosen(Quote& quote, InstrumentCode instrument) noexcept {
    MVCORE_ASSERT(built_ && !quote.loose && quote.index_row < prices_.size());
    MVCORE_ASSERT(instruments_[quote.index_row] == instrument);
    MVCORE_ASSERT(loose_.size() < loose_.capacity());  // reserve_loose() was called first
    MVCORE_ASSERT(fits32(prices_[quote.index_row]) || run_of(quote.index_row).wide_prices > 0);
    if (!fits32(prices_[quote.index_row])) --runs_[run_at(quote.index_row)].wide_prices;
    prices_[quote.index_row] = 0;
    quote.loose = true;
    loose_.push_back(instrument);
}

void AccountIndex::set_price(Quote& quote, InstrumentCode instrument, bool same_unit) noexcept {
    // Without an index, the index row and `loose` of a quote are stale.
    if (!built_ || quote.loose) return;
    if (!same_unit || quote.wide) return loosen(quote, instrument);
    MVCORE_ASSERT(quote.index_row < prices_.size() && instruments_[quote.index_row] == instrument);
    MVCORE_ASSERT(run_of(quote.index_row).unit == quote.unit && (quote.priced || quote.price == 0));
    std::int64_t& held = prices_[quote.index_row];
    if (fits32(held) != fits32(quote.price))
        runs_[run_at(quote.index_row)].wide_prices += fits32(held) ? 1U : ~0U;
    held = quote.price;
}

i256 AccountIndex::run_total(const Board& board, AccountCode account, const Run& run,
                             int measure) const {
    const auto& kernel = kernels::table();
    const Lane lane = board.unit(run.unit).lane;
    MVCORE_ASSERT(run.begin <= run.end && run.end <= prices_.size());
    MVCORE_ASSERT(run.wide_prices <= run.end - run.begin);
    i256 total;
    // 64-bit and 128-bit sums wrap. The total fits, so adding wrapped sums of the pieces is exact.
    std::uint64_t low = 0;
    u128 middle = 0;
    for_pieces(
        grid_, code_index(account), run.begin, run.end,
        [&](const Block& block, std::uint32_t first, std::uint32_t last, std::uint32_t index_row) {
            const std::int64_t* p = prices_.data() + index_row;
            const auto w = block.width();
            const void* q = cell(block, measure, first);
            const auto* offset = block.dense() ? nullptr : block.offset() + first;
            const auto n = last - first;
            if (lane == Lane::bits256) total += wide_sum(w, q, offset, p, n);
            else if (lane == Lane::bits128)
                middle += offset ? sparse_sum<u128>(w, q, offset, p, n)
                                 : static_cast<u128>(kernel.dot128[w](q, p, n));
            else
                low += offset ? sparse_sum<std::uint64_t>(w, q, offset, p, n)
                              : static_cast<std::uint64_t>(
                                    kernel.dot64[w](q, p, n, run.wide_prices == 0));
        });
    if (lane == Lane::bits64) return i256(static_cast<std::int64_t>(low));
    return lane == Lane::bits128 ? i256(static_cast<i128>(middle)) : total;
}

void AccountIndex::totals(const Board& board, AccountCode account, int measure,
                          std::vector<UnitTotal>& out) const {
    const auto line = code_index(account);
    if (line >= grid_.lines() || grid_.positions(line) == 0) return;
    for (const Run& run : runs_)
        if (board.unit(run.unit).priced())
            out.push_back({run.unit, run_total(board, account, run, measure)});
    for (auto i : loose_) {
        const Quote& quote = board.quote(i);
        if (!quote.priced) continue;
        const i128 quantity = grid_.get(line, quote.index_row, measure);
        if (quantity != 0) out.push_back({quote.unit, i256(quantity) * board.price_of(i)});
    }
    // The bounds that the lanes were proved from hold.
    for (const UnitTotal& sum : out)
        MVCORE_ASSERT(Int<8>(sum.total.magnitude()) <= board.unit(sum.unit).bound);
}

std::uint32_t AccountIndex::positions(const Board& board, AccountCode account, UnitId unit) const {
    const auto line = code_index(account);
    if (line >= grid_.lines() || grid_.positions(line) == 0) return 0;
    std::size_t n = 0;
    for (const Run& run : runs_) {
        if (run.unit != unit) continue;
        for_pieces(grid_, line, run.begin, run.end,
                   [&](const Block& block, std::uint32_t first, std::uint32_t last, std::uint32_t) {
                       const std::array<const void*, kMeasures> cells = {
                           cell(block, 0, first), cell(block, 1, first), cell(block, 2, first)};
                       n += kernels::table().nonzero[block.width()](cells.data(), block.columns(),
                                                                    last - first);
                   });
    }
    for (auto i : loose_) {
        const Quote& quote = board.quote(i);
        const bool there = held(grid_.get(line, quote.index_row));
        if (there && quote.unit == unit) ++n;
        // A loose instrument still has its index row in the run of its former unit.
        if (there && !runs_.empty() && quote.index_row < runs_.back().end &&
            run_of(quote.index_row).unit == unit)
            --n;
    }
    MVCORE_ASSERT(n <= grid_.positions(line));
    return static_cast<std::uint32_t>(n);
}

std::size_t AccountIndex::memory_bytes() const noexcept {
    return grid_.memory_bytes() + instruments_.capacity() * sizeof(std::int32_t) +
           prices_.capacity() * sizeof(std::int64_t) + runs_.capacity() * sizeof(Run) +
           loose_.capacity() * sizeof(std::int32_t);
}

}  // namespace mvcore
