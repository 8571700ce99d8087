#include "mvcore/valuation/positions.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/valuation/row_selector.hpp"

namespace mvcore {
namespace {

constexpr auto kUnlimited = PositionPlan::kUnlimited;
constexpr std::uint64_t kMostReserved = 1 << 20;  // rows; a longer list grows
constexpr int kUnknownBits = 1024;                // more than any amount that fits has

// The cost of a lookup of every named code in one line. Unlimited if no codes are named.
template <class C>
std::uint64_t cost_of_lookups(const std::optional<std::vector<C>>& named) {
    return named ? named->size() * tuning::kCellsOfLookup : kUnlimited;
}

// Whether to look up the cells of a line instead of sweeping it. Counting the positions of a line
// opens each of its blocks.
bool looks_up(const Grid& grid, std::size_t line, std::uint64_t lookups) {
    return lookups <= grid.blocks() || lookups <= grid.positions(line);
}

std::uint64_t cost_by_account(const State& state, const PositionQuery& query, std::uint64_t limit) {
    if (!query.accounts) return kUnlimited;
    const auto lookups = cost_of_lookups(query.instruments);
    std::uint64_t cost = 0;
    for (const auto a : *query.accounts) {
        const bool alive = state.account_alive(a);
        cost += 1 + (alive ? std::min<std::uint64_t>(lookups, state.positions[code_index(a)]) : 0);
        if (cost > limit) break;
    }
    return cost;
}

std::uint64_t cost_by_instrument(const State& state, const PositionQuery& query,
                                 std::uint64_t limit) {
    if (!query.instruments) return kUnlimited;
    const Grid& grid = state.grid;
    const auto lookups = cost_of_lookups(query.accounts);
    std::uint64_t cost = 0;
    for (const auto i : *query.instruments) {
        ++cost;
        if (state.instrument_alive(i))
            cost += looks_up(grid, code_index(i), lookups)
                        ? lookups
                        : grid.blocks() / tuning::kCellsOfLookup + grid.positions(code_index(i));
        if (cost > limit) break;
    }
    return cost;
}

template <class T>
void pick_from(std::vector<T>& column, const std::vector<std::uint32_t>& places) {
    if (std::is_sorted(places.begin(), places.end())) {  // in place: keeps the memory
        for (std::size_t k = 0; k < places.size(); ++k) column[k] = column[places[k]];
        column.resize(places.size());
        return;
    }
    std::vector<T> out(places.size());
    for (std::size_t k = 0; k < out.size(); ++k) out[k] = column[places[k]];
    column = std::move(out);
}

// Has the bits of the value's magnitude, or of one less.
i128 magnitude_bits(i128 value) { return value < 0 ? ~value : value; }

}  // namespace

bool PositionQuery::page_fits() const {
    const auto known = [&](const ResultColumn& column) {
        if (column.is_float()) return false;
        if (column.is_amount()) return currency.has_value() && column.place < kMeasures;
        return !column.is_quantity() || column.place < kMeasures;
    };
    if (!page) return true;
    return !holdings && page->row_order.empty() &&
           std::all_of(page->conditions.begin(), page->conditions.end(),
                       [&](const auto& c) { return known(c.column); }) &&
           std::all_of(page->sort.begin(), page->sort.end(),
                       [&](const auto& s) { return known(s.column); });
}

PositionPlan PositionPlan::of(const State& state, const PositionQuery& query, std::uint64_t limit) {
    if (query.page && !query.page->sort.empty() && !query.accounts && !query.instruments) {
        std::uint64_t cost = state.board.size();
        for (const auto i : instruments_below(state.board.size())) {
            if (cost > limit) break;
            cost += state.grid.positions(code_index(i));
        }
        return {false, cost};
    }
    const auto by_account = cost_by_account(state, query, limit);
    // Rows found by instrument have to be sorted. If few instruments are left out, sweeping the
    // accounts takes less time.
    const bool most =
        !query.accounts && query.instruments && 2 * query.instruments->size() > state.board.size();
    const auto by_instrument =
        most && limit == kUnlimited ? kUnlimited : cost_by_instrument(state, query, limit);
    if (by_account < by_instrument || by_instrument == kUnlimited) return {true, by_account};
    return {false, by_instrument};
}

PositionList::PositionList(const State& state, const PositionQuery& query, PositionPlan plan,
                           int value_scale, std::uint64_t& cells)
    : columns_(state.grid.split() && !query.holdings ? kMeasures : 1),
      holdings_(query.holdings),
      target_(query.currency),
      own_(query.own),
      value_scale_(value_scale),
      epoch_(state.epoch),
      page_(query.page),
      rows_to_drop_at_(tuning::kPositionsBesidePage) {
    MVCORE_ASSERT(query.page_fits());
    MVCORE_ASSERT((own_ != nullptr) == (target_ == kOwn));
    MVCORE_ASSERT(query.masters == state.masters);
    MVCORE_ASSERT(!query.accounts ||
                  std::is_sorted(query.accounts->begin(), query.accounts->end()));
    if (!page_ && plan.cost <= kMostReserved) reserve(plan.cost);
    if (plan.by_account) add_by_account(state, query, cells);
    else add_by_instrument(state, query, cells);
    places_ = {};
    MVCORE_ASSERT(row_marks_.size() == accounts_.size() && marks_.size() <= state.board.size());
}

void PositionList::add_by_account(const State& state, const PositionQuery& query,
                                  std::uint64_t& cells) {
    MVCORE_ASSERT(state.index.built());
    const Grid& grid = state.index.grid();
    const auto lookups = cost_of_lookups(query.instruments);
    std::vector<std::pair<InstrumentCode, Net>> found;
    const auto precedes = [](const auto& a, const auto& b) { return a.first < b.first; };
    const auto add_line = [&](AccountCode account) {
        if (!state.account_alive(account)) return;
        const auto held_here = state.positions[code_index(account)];
        if (held_here == 0) return;
        if (lookups <= held_here) {
            cells += query.instruments->size();
            for (const auto i : *query.instruments) {
                if (!state.instrument_alive(i)) continue;
                const Net net = grid.get(code_index(account), state.board.quote(i).index_row);
                if (lists(net)) add(state, account, i, net);
            }
            return;
        }
        cells += held_here;
        found.clear();
        grid.for_each(code_index(account), [&](std::uint32_t index_row, const Net& net) {
            const auto i = state.index.instrument_at(index_row);
            if (lists(net) && selects(query.instruments, i)) found.emplace_back(i, net);
        });
        if (!std::is_sorted(found.begin(), found.end(), precedes))
            std::sort(found.begin(), found.end(), precedes);
        for (const auto& [i, net] : found) add(state, account, i, net);
    };
    if (query.accounts) std::for_each(query.accounts->begin(), query.accounts->end(), add_line);
    else
        for (const auto account : accounts_below(grid.lines())) add_line(account);
}

void PositionList::add_by_instrument(const State& state, const PositionQuery& query,
                                     std::uint64_t& cells) {
    const Grid& grid = state.grid;
    const auto lookups = cost_of_lookups(query.accounts);
    if (!query.instruments) {
        MVCORE_ASSERT(page_ && !query.accounts);
        for (const auto i : instruments_below(state.board.size()))
            if (state.instrument_alive(i)) add_line(state, i, cells);
        return;
    }
    for (const auto i : *query.instruments) {
        if (!state.instrument_alive(i)) continue;
        if (looks_up(grid, code_index(i), lookups)) {
            cells += query.accounts->size();
            for (const auto account : *query.accounts) {
                if (!state.account_alive(account)) continue;
                const Net net = grid.get(code_index(i), static_cast<std::uint32_t>(account));
                if (lists(net)) add(state, account, i, net);
            }
            continue;
        }
        cells += grid.positions(code_index(i));
        grid.for_each(code_index(i), [&](std::uint32_t row, const Net& net) {
            if (lists(net) && selects(query.accounts, AccountCode(row)))
                add(state, AccountCode(row), i, net);
        });
    }
    if (!page_) sort_rows();  // turn_to_page() sorts
}

namespace {

// Calls f(k) for each quantity q[k] outside first..last, ascending.
template <class Q, class F>
void for_others(const Q* q, std::uint32_t count, std::int64_t first, std::int64_t last, F&& f) {
    constexpr std::uint32_t kChunk = 64;  // one test for each chunk, in vectors
    const auto least = static_cast<Q>(std::max<std::int64_t>(first, std::numeric_limits<Q>::min()));
    const auto most = static_cast<Q>(std::min<std::int64_t>(last, std::numeric_limits<Q>::max()));
    for (std::uint32_t begin = 0; begin < count; begin += kChunk) {
        const auto end = std::min(begin + kChunk, count);
        bool any = false;
        for (auto k = begin; k < end; ++k) any |= (q[k] < least) | (q[k] > most);
        for (auto k = begin; any && k < end; ++k)
            if (q[k] < least || q[k] > most) f(k);
    }
}

}  // namespace

// Adds the positions of the instrument that may be on the page.
void PositionList::add_line(const State& state, InstrumentCode instrument, std::uint64_t& cells) {
    const auto line = code_index(instrument);
    if (state.grid.positions(line) == 0) return;
    cells += state.grid.positions(line);
    const std::size_t place = mark_of(state, instrument);
    const auto add_row = [&](std::uint32_t row, const Net& net) {
        if (lists(net)) add(state, AccountCode(row), instrument, net);
    };
    for (std::size_t b = 0; b < state.grid.blocks(); ++b) {
        const Block& block = state.grid.block(line, b);
        const auto first_row = static_cast<std::uint32_t>(b * Block::kRows);
        const QuantityRange beaten = beaten_quantities(state, marks_[place]);
        const auto each = [&](std::uint32_t row, const Net& net) { add_row(first_row + row, net); };
        if (block.width() == kernels::w128 || beaten.first > beaten.last) {
            block.for_each(each);
            continue;
        }
        const void* quantity = block.quantity(static_cast<int>(page_->sort[0].column.place));
        with_quantity(block.width(), quantity, [&](const auto* q) {
            using Q = std::remove_cvref_t<decltype(*q)>;
            if constexpr (sizeof(Q) <= sizeof(std::int64_t)) {
                const bool all = beaten.first > std::numeric_limits<Q>::max() ||
                                 beaten.last < std::numeric_limits<Q>::min();
                const auto other = [&](std::uint32_t k) {
                    const auto row = block.dense() ? k : block.offset()[k];
                    add_row(first_row + row, block.get(row));
                };
                if (all) block.for_each(each);
                else for_others(q, block.count(), beaten.first, beaten.last, other);
            }
        });
    }
}

bool PositionList::lists(const Net& net) const noexcept {
    return holdings_ ? net[sod] != 0 : held(net);
}

void PositionList::add(const State& state, AccountCode account, InstrumentCode instrument,
                       const Net& net) {
    MVCORE_ASSERT(state.account_alive(account) && state.instrument_alive(instrument));
    MVCORE_ASSERT(columns_ == kMeasures || holdings_ || !differ(net));
    // Rows by instrument repeat the mark of the row before.
    const bool same = !row_marks_.empty() && marks_[row_marks_.back()].instrument == instrument;
    const auto place = same ? row_marks_.back() : mark_of(state, instrument);
    accounts_.push_back(raw(account));
    row_marks_.push_back(place);
    if (own_) row_targets_.push_back(static_cast<std::uint32_t>(own_->place_of(account)));
    for (std::size_t c = 0; c < std::size_t(columns_); ++c) {
        quantities_[c].push_back(net[c]);
        marks_[place].quantity_bits |= magnitude_bits(net[c]);
    }
    if (page_ && size() >= rows_to_drop_at_) drop_rows();
}

std::uint32_t PositionList::mark_of(const State& state, InstrumentCode i) {
    const auto [place, is_new] = places_.add(i);
    MVCORE_ASSERT(place <= marks_.size() && is_new == (place == marks_.size()));
    if (is_new) marks_.push_back(new_mark(state, i));
    return place;
}

PositionList::Mark PositionList::new_mark(const State& state, InstrumentCode i) {
    const Board& board = state.board;
    const Quote& quote = board.quote(i);
    const Instrument& instrument = board.instrument(i);
    const auto own = instrument.terms.currency;
    Mark mark{};
    mark.instrument = i;
    mark.own_currency = own;
    mark.quantity_scale = instrument.quantity_scale;
    mark.priced = quote.priced;
    if (quote.priced && target_) {
        mark.conversion = conversions_of(state, own);
        mark.price = board.price_mantissa(i) * kPow10[std::size_t(kMaxScale - quote.price_scale)];
        mark.unit_value = board.price_of(i);
        mark.scale = board.value_scale(i);
        const auto bits_more = [&](const Conversion& c) {
            i128 multiplier = 0;
            std::int64_t divisor = 0;
            return c.fast_terms(mark.scale, multiplier, divisor)
                       ? mark.unit_value.magnitude().bits() + i256(multiplier).bits()
                       : kUnknownBits;
        };
        for (auto k = mark.conversion; k < mark.conversion + (own_ ? targets().size() : 1); ++k)
            if (conversions_[k].possible())
                mark.bits = std::max(mark.bits, bits_more(conversions_[k]));
        if (holdings_) mark.bits = std::max(mark.bits, bits_more({nullptr, nullptr, value_scale_}));
    }
    return mark;
}

std::size_t PositionList::conversions_of(const State& state, std::int32_t currency) {
    const auto known = std::find(sources_.begin(), sources_.end(), currency);
    if (known != sources_.end())
        return std::size_t(known - sources_.begin()) * (conversions_.size() / sources_.size());
    const auto rate_of = [&](std::int32_t c) {
        return c == state.base ? nullptr : &state.board.rate(c);
    };
    const auto add = [&](std::int32_t target) {
        const bool same = target == currency;
        conversions_.emplace_back(same ? nullptr : rate_of(currency),
                                  same ? nullptr : rate_of(target), value_scale_);
    };
    const auto first = conversions_.size();
    sources_.push_back(currency);
    if (own_) std::for_each(targets().begin(), targets().end(), add);
    else add(target_ == kLocal ? currency : target_.value());
    return first;
}

void PositionList::reserve(std::size_t rows) {
    accounts_.reserve(rows);
    row_marks_.reserve(rows);
    if (own_) row_targets_.reserve(rows);
    for (int c = 0; c < columns_; ++c) quantities_[std::size_t(c)].reserve(rows);
}

// Sorts rows by account. Rows of one account keep their order, which is that of the instruments.
void PositionList::sort_rows() {
    if (std::is_sorted(accounts_.begin(), accounts_.end())) return;
    MVCORE_ASSERT(accounts_.size() <= std::numeric_limits<std::uint32_t>::max());
    std::vector<std::uint64_t> keys(accounts_.size());
    for (std::size_t row = 0; row < keys.size(); ++row)
        keys[row] = std::uint64_t{static_cast<std::uint32_t>(accounts_[row])} << 32 | row;
    std::sort(keys.begin(), keys.end());
    std::vector<std::uint32_t> places(keys.size());
    std::transform(keys.begin(), keys.end(), places.begin(),
                   [](std::uint64_t key) { return static_cast<std::uint32_t>(key); });
    pick(places);
}

void PositionList::pick(const std::vector<std::uint32_t>& places) {
    pick_from(accounts_, places);
    pick_from(row_marks_, places);
    if (own_) pick_from(row_targets_, places);
    for (int c = 0; c < columns_; ++c) quantities_[std::size_t(c)].pick(places);
}

// Reads the columns by which pages sort and select.
class PositionList::Columns {
public:
    explicit Columns(const PositionList& list) : list_(list) {}

    [[nodiscard]] static bool is_exact(const ResultColumn& column) {
        return column.is_amount() || column.is_quantity() || column.is_price();
    }
    [[nodiscard]] static bool may_be_null(const ResultColumn& column) {
        return column.is_amount() || column.is_price();
    }
    [[nodiscard]] bool is_null(const ResultColumn& column, std::size_t k) const {
        return (column.is_amount() && !list_.valued(k)) || (column.is_price() && !mark(k).priced);
    }
    [[nodiscard]] i128 exact(const ResultColumn& column, std::size_t k) const {
        if (column.is_price()) return mark(k).price;
        const i128 quantity = list_.column(static_cast<Measure>(column.place))[k];
        return column.is_amount() ? list_.amount(k, quantity) : in_18(mark(k), quantity);
    }
    [[nodiscard]] double number(const ResultColumn&, std::size_t) const {
        MVCORE_ASSERT(false);
        return 0;
    }
    [[nodiscard]] std::int32_t label(const ResultColumn& column, std::size_t k) const {
        const auto code = column.field == ResultColumn::account_group      ? list_.accounts_[k]
                          : column.field == ResultColumn::instrument_group ? raw(mark(k).instrument)
                                                                           : list_.currency(k);
        if (column.keys.empty()) return code;
        const auto at = static_cast<std::size_t>(code);
        return at < column.keys.size() ? column.keys[at] : ResultColumn::kNoLabel;
    }
    [[nodiscard]] std::uint32_t unpriced(std::size_t k) const { return list_.valued(k) ? 0 : 1; }
    [[nodiscard]] bool precedes(std::size_t a, std::size_t b) const {
        return list_.accounts_[a] != list_.accounts_[b] ? list_.accounts_[a] < list_.accounts_[b]
                                                        : mark(a).instrument < mark(b).instrument;
    }

private:
    [[nodiscard]] const Mark& mark(std::size_t k) const { return list_.mark(k); }

    const PositionList& list_;
};

std::vector<std::uint32_t> PositionList::places_on_page(std::size_t needed) const {
    MVCORE_ASSERT(size() <= std::numeric_limits<std::uint32_t>::max());
    std::vector<std::uint32_t> places;
    if (needed == 0) return places;
    const Columns columns(*this);
    RowSelector selector(columns, *page_, needed);
    for (std::size_t k = 0; k < size(); ++k)
        if (meets_all(columns, *page_, k)) selector.add(k);
    for (const auto& found : selector.sorted())
        places.push_back(static_cast<std::uint32_t>(found.k));
    return places;
}

// Remembers the last row that a page needs, if every row that comes after it has a smaller or
// larger amount, in the order of the page. `places_on_page` has just kept these rows.
void PositionList::set_worst() {
    worst_.reset();
    if (page_->sort.empty()) return;
    const SortKey& sort = page_->sort[0];
    if (!sort.column.is_amount() || own_ || size() == 0 || size() < page_->end()) return;
    const Columns columns(*this);
    for (std::size_t row = 0; row < size(); ++row) {
        if (!valued(row)) return worst_.reset();
        const i128 value = columns.exact(sort.column, row);
        const i128 key = sort.column.is_absolute() && value < 0 ? -value : value;
        if (!worst_ || (sort.descending ? key < *worst_ : key > *worst_)) worst_ = key;
    }
}

// Estimates in floating point, with more than its error to spare, so that no row is left out that
// may be on the page. Only if every amount of the line is known to fit 38 digits.
PositionList::QuantityRange PositionList::beaten_quantities(const State& state,
                                                            const Mark& mark) const {
    constexpr QuantityRange kEvery = {std::numeric_limits<std::int64_t>::min(),
                                      std::numeric_limits<std::int64_t>::max()};
    const SortKey* sort = page_ && !page_->sort.empty() ? &page_->sort[0] : nullptr;
    if (!worst_ || sort == nullptr) return {};
    const bool absolute = sort->column.is_absolute();
    if (absolute && !sort->descending) return {};
    if (!mark.priced || !conversions_[mark.conversion].possible()) return kEvery;  // sorts last
    i128 multiplier = 0;
    std::int64_t divisor = 0;
    const auto& abs_quantity = state.board.instrument(mark.instrument).abs_quantity;
    if (mark.bits + abs_quantity.bits() > 126 || !mark.unit_value.fits128() ||
        !conversions_[mark.conversion].fast_terms(mark.scale, multiplier, divisor))
        return {};
    // amount = quantity x factor, rounded
    const double factor = static_cast<double>(mark.unit_value.low128()) *
                          static_cast<double>(multiplier) / static_cast<double>(divisor);
    const double worst = static_cast<double>(*worst_);
    const double spare = 2 + std::abs(worst) * 1e-9;
    constexpr double kMost = 9e18;  // less than 2^63
    if (factor == 0) {
        const bool all = sort->descending ? worst > spare : worst < -spare;
        return all ? kEvery : QuantityRange{};
    }
    // The amounts up to `most`, or from `least` on, cannot be on the page.
    if (absolute) {
        const double most = (worst - spare) / std::abs(factor);
        if (most < 1) return {};
        const auto bound = static_cast<std::int64_t>(std::min(most * (1 - 1e-9) - 1, kMost));
        return {-bound, bound};
    }
    const double edge = (sort->descending ? worst - spare : worst + spare) / factor;
    const bool below = sort->descending == (factor > 0);
    const double inside = std::abs(edge) * 1e-9 + 1;
    if (std::abs(edge) + inside > kMost) return {};
    return below ? QuantityRange{kEvery.first, static_cast<std::int64_t>(edge - inside)}
                 : QuantityRange{static_cast<std::int64_t>(edge + inside), kEvery.last};
}

// Keeps the rows that meet the conditions, at most as many as the page's end needs.
void PositionList::drop_rows() {
    check();
    const auto needed = std::size_t(std::min<std::uint64_t>(page_->end(), size()));
    if (needed < size() || !page_->conditions.empty()) {
        auto places = places_on_page(needed);
        std::sort(places.begin(), places.end());
        pick(places);
    }
    set_worst();
    rows_to_drop_at_ = std::max(tuning::kPositionsBesidePage, 2 * size());
}

void PositionList::turn_to_page() {
    if (!page_) return;
    auto places = places_on_page(std::size_t(std::min<std::uint64_t>(page_->end(), size())));
    const auto before = std::min<std::uint64_t>(page_->offset, places.size());
    places.erase(places.begin(), places.begin() + std::ptrdiff_t(before));
    pick(places);
    page_ = nullptr;
}

void PositionList::check() const {
    const auto fits = [&](const Mark& mark) {
        return mark.bits == 0 || mark.bits + i256(mark.quantity_bits).bits() <= 126;
    };
    if (std::all_of(marks_.begin(), marks_.end(), fits)) return;
    for (std::size_t row = 0; row < size(); ++row) {
        const Mark& mark = this->mark(row);
        if (fits(mark)) continue;
        try {
            for (int c = 0; c < columns_; ++c)
                static_cast<void>(amount(row, quantities_[std::size_t(c)][row]));
            if (holdings_) static_cast<void>(own_amount(mark, quantities_[0][row]));
        } catch (const Error&) {
            throw PositionOverflow(AccountCode(accounts_[row]), mark.instrument);
        }
    }
}

void PositionList::Integers::push_wide(i128 value) {
    if (wide_.empty()) {
        wide_.assign(narrow_.begin(), narrow_.end());
        narrow_ = {};
    }
    wide_.push_back(value);
}

void PositionList::Integers::pick(const std::vector<std::uint32_t>& places) {
    if (wide_.empty()) pick_from(narrow_, places);
    else pick_from(wide_, places);
}

}  // namespace mvcore
