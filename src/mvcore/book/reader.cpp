#include "mvcore/book/reader.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/base/tuning.hpp"

namespace mvcore {
namespace {

// Runs f(); an error, such as an amount that does not fit, names the argument of the call.
template <class F>
auto naming(const char* call, const char* column, std::string_view name, F&& f) {
    try {
        return f();
    } catch (const Error& e) {
        throw InputError(e.kind(), call, column, std::nullopt, quoted(name) + ": " + e.what(),
                         std::string(name));
    }
}

[[noreturn]] void refuse_unknown(const char* call, const char* column, std::string_view name) {
    throw InputError(ErrorKind::unknown_id, call, column, std::nullopt,
                     "unknown " + std::string(column) + " " + quoted(name), std::string(name));
}

[[noreturn]] void refuse_code(const char* call, const char* column, std::int32_t code) {
    throw InputError(ErrorKind::unknown_id, call, column, std::nullopt,
                     "unknown " + std::string(column) + " code " + std::to_string(code),
                     std::to_string(code));
}

// Reading a few accounts takes less time than copying the book's state.
bool brief(const Question& question) {
    std::ptrdiff_t selected = 0;
    question.grouping.for_accounts([&](auto, auto) { ++selected; });
    return !question.functions && !question.grouping.whole() && selected <= tuning::kFewAccounts;
}

}  // namespace

// Copies the state, to be read without the lock for as long as needed. Meanwhile a writer copies
// pages before it changes them.
bool Reader::copy_if(std::uint64_t masters, State& seen) const {
    const Reading reading(state_lock_);
    if (read_.masters != masters) return false;
    MVCORE_ASSERT(read_.board.size() <= read_.grid.lines());
    MVCORE_ASSERT(read_.accounts_alive.size() <= read_.positions.size());
    seen = read_;
    return true;
}

template <class F>
auto Reader::naming_positions(const char* call, F&& f) const {
    try {
        return f();
    } catch (const PositionOverflow& e) {
        const Reading reading(names_lock_);
        throw InputError(e.kind(), call, "", std::nullopt,
                         "(" + quoted(vocabulary_.accounts.text(raw(e.account))) + ", " +
                             quoted(vocabulary_.instruments.text(raw(e.instrument))) +
                             "): " + e.what());
    }
}

// Holds the lock for reading. A writer that prepares beside readers has not changed anything yet.
void Reader::before_fork(ForkDeadline deadline) noexcept {
    MVCORE_ASSERT(!at_rest_for_fork_);
    at_rest_for_fork_ = succeeds(deadline, [&] { return state_lock_.try_lock_shared(); });
}

void Reader::after_fork() noexcept {
    if (std::exchange(at_rest_for_fork_, false)) state_lock_.unlock_shared();
}

void Reader::become_child() noexcept {
    state_lock_.reset();
    building_ = false;
    if (std::exchange(at_rest_for_fork_, false)) return;
    lost_in_fork_ = true;
    close();
}

void Reader::check_open() const {
    if (closed_) throw Error(ErrorKind::closed, "the book is closed");
}

void Reader::unknown_currency(std::string_view name) { refuse_unknown("", "currency", name); }

void Reader::build_index() {
    for (;;) {
        {
            const Reading reading(state_lock_);
            if (read_.index.built()) return;
        }
        if (!building_.exchange(true)) break;
        building_.wait(true);
    }
    const auto done = [&] {
        building_ = false;
        building_.notify_all();
    };
    try {
        build_index_beside();
    } catch (...) {
        done();
        throw;
    }
    done();
}

// Builds the index from a copy of the state, then follows the facts written meanwhile: first beside
// writers, at last under the exclusive lock if few facts are left. If writers outpace this, they
// wait during the last round; readers do not.
void Reader::build_index_beside() {
    const ChangeLog* const log = change_log_or_null();
    const auto written = [&] { return log == nullptr ? 0 : log->facts().end(); };
    const auto lost = [&](std::uint64_t place) {
        return log != nullptr && place < log->facts().begin();
    };
    std::uint64_t place = 0;
    Grid seen;
    AccountIndex index;
    {
        Board board;
        {
            const Reading reading(state_lock_);
            if (read_.index.built()) return;
            seen = read_.grid;
            board = read_.board;
            place = written();
        }
        index = AccountIndex::of(seen, board);
    }
    for (int round = 0;; ++round) {
        {
            Writing writing(state_lock_);
            if (read_.index.built()) return;
            const bool few = !lost(place) && written() - place <= tuning::kFactsUnderLock;
            MVCORE_ASSERT(place <= written());
            if (few || round == tuning::kIndexRounds) {
                if (few) state_lock_.publish();
                if (lost(place)) index.follow(seen, read_.grid);
                else
                    for (; place < written(); ++place) {
                        const Fact& fact = log->facts()[place];
                        index.follow(read_.grid, fact.account, fact.instrument);
                    }
                if (!few) state_lock_.publish();
                index.install(read_.board, read_.grid.rows());
                read_.index = std::move(index);
                MVCORE_ASSERT(read_.index.grid().lines() >= read_.grid.rows());
                count_index_build();
                return;
            }
        }
        Grid now;
        std::vector<CellKey> changed;
        bool differ = false;
        {
            const Reading reading(state_lock_);
            now = read_.grid;
            differ = lost(place);
            for (; !differ && place < written(); ++place)
                changed.push_back({log->facts()[place].instrument, log->facts()[place].account});
            place = written();
        }
        if (differ) index.follow(seen, now);
        for (const auto& [instrument, account] : changed) index.follow(now, account, instrument);
        seen = std::move(now);
    }
}

AccountValue Reader::value(std::string_view account, std::string_view currency) {
    for (;;) {
        {
            const Reading reading(state_lock_);
            if (read_.index.built()) return value_of(account, currency);
        }
        build_index();
    }
}

AccountValue Reader::value_by_code(AccountCode account, std::int32_t currency) {
    for (;;) {
        {
            const Reading reading(state_lock_);
            const auto asked = currency == -1 ? read_.base : currency;
            if (!read_.account_alive(account)) refuse_code("value", "account", raw(account));
            if (!read_.currency_known(asked)) refuse_code("value", "currency", asked);
            if (read_.index.built()) return Reads(read_, value_scale_).value(account, asked);
        }
        build_index();
    }
}

AccountValue Reader::value_of(std::string_view name, std::string_view asked) const {
    const auto account = AccountCode(find(vocabulary_.accounts, name));
    if (!read_.account_alive(account)) refuse_unknown("value", "account", name);
    if (asked == "local")
        throw InputError(ErrorKind::invalid_input, "value", "currency", std::nullopt,
                         "'local' is not one currency", "local");
    const auto currency = asked.empty() ? read_.base : find(vocabulary_.currencies, asked);
    if (!read_.currency_known(currency)) refuse_unknown("value", "currency", asked);
    return naming("value", "account", name,
                  [&] { return Reads(read_, value_scale_).value(account, currency); });
}

bool Reader::values(const Question& question, ResultRows& out) {
    if (Totals::goes_by_account(question.grouping)) build_index();
    std::uint64_t cells = 0;
    State seen;
    if (brief(question)) {
        {
            const Reading reading(state_lock_);
            if (read_.masters != question.masters) return false;
            out = Reads(read_, value_scale_).values(question, cells);
            count_cells(cells);
        }
        Reads::turn_to_page(question, out);
        return true;
    }
    if (!copy_if(question.masters, seen)) return false;
    const Reads reads(seen, value_scale_);
    out = reads.values(question, cells);
    if (question.functions) reads.run_functions(question, out);
    Reads::turn_to_page(question, out);
    count_cells(cells);
    return true;
}

bool Reader::most_rows(const Grouping& grouping, std::uint64_t masters, MostRows& out) const {
    check_open();
    const Reading reading(state_lock_);
    if (read_.masters != masters) return false;
    out = mvcore::most_rows(read_, grouping);
    return true;
}

bool Reader::positions(const PositionQuery& query, PositionList& out) {
    std::uint64_t cells = 0;
    const auto list = [&](const State& state, PositionPlan plan) {
        out = PositionList(state, query, plan, value_scale_, cells);
    };
    // Reads from the state itself if that is brief. Returns false if the index has to be built
    // first or the masters changed.
    bool current = true;
    const auto read = [&] {
        State seen;
        {
            const Reading reading(state_lock_);
            current = read_.masters == query.masters;
            if (!current) return false;
            const auto plan = PositionPlan::of(read_, query, tuning::kPositionsUnderLock);
            if (plan.cost <= tuning::kPositionsUnderLock) {
                if (plan.by_account && !read_.index.built()) return false;
                list(read_, plan);
                return true;
            }
            seen = read_;
        }
        const auto plan = PositionPlan::of(seen, query, PositionPlan::kUnlimited);
        if (plan.by_account && !seen.index.built()) return false;
        list(seen, plan);
        return true;
    };
    const auto name = query.holdings ? "holdings" : "positions";
    while (!naming_positions(name, read)) {
        if (!current) return false;
        build_index();
    }
    count_cells(cells);
    naming_positions(name, [&] { out.check(); });
    out.turn_to_page();
    return true;
}

bool Reader::orders(const CodeSelection& selection, OrderList& out) {
    // Searches the state itself if that is brief.
    std::uint64_t cells = 0;
    bool current = true;
    const auto search = [&](const State& state, std::uint64_t limit) {
        cells = 0;
        auto found = Reads(state, value_scale_).orders(selection, limit, cells);
        if (found) out = std::move(*found);
        return found.has_value();
    };
    const auto read = [&] {
        State seen;
        {
            const Reading reading(state_lock_);
            current = read_.masters == selection.masters;
            if (!current) return true;
            if (search(read_, tuning::kPositionsUnderLock)) return true;
            if (!read_.index.built() && Reads(read_, value_scale_).orders_use_index(selection))
                return false;
            seen = read_;
        }
        return search(seen, std::numeric_limits<std::uint64_t>::max());
    };
    const auto found = [&] { return naming_positions("orders", read); };
    while (!found()) build_index();
    if (!current) return false;
    count_cells(cells);
    return true;
}

Revaluation Reader::revalue(std::string_view instrument) {
    const Reading reading(state_lock_);
    return revalue_of(instrument);
}

bool Reader::short_line(std::string_view instrument) const {
    const auto code = InstrumentCode(find(vocabulary_.instruments, instrument));
    return !read_.instrument_alive(code) ||
           read_.grid.positions(code_index(code)) + read_.orders.count(code) <=
               tuning::kFastPositions;
}

Revaluation Reader::revalue_of(std::string_view instrument) const {
    const auto code = InstrumentCode(find(vocabulary_.instruments, instrument));
    if (!read_.instrument_alive(code)) refuse_unknown("revalue", "instrument", instrument);
    return naming("revalue", "instrument", instrument,
                  [&] { return Reads(read_, value_scale_).revalue(code); });
}

PriceList Reader::prices() {
    const Reading reading(state_lock_);
    return Reads(read_, value_scale_).prices();
}

bool Reader::prices(const CodeSelection& selection, PriceList& out) {
    const Reading reading(state_lock_);
    if (read_.masters != selection.masters) return false;
    out = Reads(read_, value_scale_).prices(selection.instruments);
    return true;
}

}  // namespace mvcore
