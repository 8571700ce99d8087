// Reads of a state under its lock. The state is the book's own or a snapshot's.
#pragma once

#include <atomic>
#include <chrono>
#include <string_view>
#include <thread>

#include "mvcore/base/rw_lock.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/book/fork.hpp"
#include "mvcore/state/batch.hpp"
#include "mvcore/state/book_state.hpp"
#include "mvcore/valuation/hypothetical.hpp"
#include "mvcore/valuation/positions.hpp"
#include "mvcore/valuation/reads.hpp"

namespace mvcore {

class Reader {
public:
    // The names may grow. The book's lock guards them.
    Reader(State& state, const Vocabulary& names, Lock& lock, Lock& names_lock, int value_scale)
        : read_(state),
          vocabulary_(names),
          state_lock_(lock),
          names_lock_(names_lock),
          value_scale_(value_scale) {}
    virtual ~Reader() = default;
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    // `currency`: empty means the base currency.
    AccountValue value(std::string_view account, std::string_view currency);
    // The same by codes, which the call checks. `currency`: -1 means the base currency.
    AccountValue value_by_code(AccountCode account, std::int32_t currency);
    // These return false, with nothing read, if the master tables are no longer those of `masters`,
    // for which the groups were made.
    bool values(const Question& question, ResultRows& out);
    // Like values(), at the prices and rates of the batch make(names, state). `currency`: the name
    // of the currency if the question has no code for it, since the batch's rates may introduce it;
    // else empty. `changes` apply to the prices and rates that the batch does not give. Writers
    // wait for the batch, and for a few instruments of the changes at a time.
    template <class Make>
    bool values_if(Question question, std::string_view currency, Make&& make, ResultRows& out,
                   const PercentChanges& changes = {});
    // Upper bounds for the rows of a read, without computing any.
    bool most_rows(const Grouping& grouping, std::uint64_t masters, MostRows& out) const;
    bool positions(const PositionQuery& query, PositionList& out);
    bool orders(const CodeSelection& selection, OrderList& out);
    Revaluation revalue(std::string_view instrument);
    // Parts of revalue() for callers that hold the lock: whether it takes only microseconds, and
    // the read itself.
    [[nodiscard]] bool short_line(std::string_view instrument) const;
    [[nodiscard]] Revaluation revalue_of(std::string_view instrument) const;
    PriceList prices();
    // The prices of the selected instruments. False: the masters changed.
    bool prices(const CodeSelection& selection, PriceList& out);

    // Only the fork handler calls these; see fork.hpp. Waits until no thread changes this reader's
    // state, but not beyond the deadline.
    virtual void before_fork(ForkDeadline deadline) noexcept;
    virtual void after_fork() noexcept;
    // Makes the reader usable in the child. Closes it there if the wait failed.
    virtual void become_child() noexcept;
    // True in a forked child if a thread of the parent was changing the state at the fork.
    [[nodiscard]] bool lost_in_fork() const noexcept { return lost_in_fork_; }

    // Throws ClosedError.
    void check_open() const;
    void close() noexcept { closed_ = true; }
    [[nodiscard]] bool closed() const noexcept { return closed_; }
    [[nodiscard]] int value_scale() const noexcept { return value_scale_; }
    [[nodiscard]] const State& state() const noexcept { return read_; }
    [[nodiscard]] const Vocabulary& names() const noexcept { return vocabulary_; }
    [[nodiscard]] Lock& names_lock() const noexcept { return names_lock_; }
    Lock& lock() noexcept { return state_lock_; }

    // The code of a name, whether or not the state uses it.
    [[nodiscard]] std::int32_t find(const Names& names, std::string_view name) const {
        const Reading reading = lock_names();
        return names.find(name);
    }
    // Locks the names for reading. The guard is empty if the names share the lock of the state,
    // which the caller holds.
    [[nodiscard]] Reading lock_names() const {
        return &names_lock_ == &state_lock_ ? Reading() : Reading(names_lock_);
    }

protected:
    // Requires the lock for reading and a built index.
    [[nodiscard]] AccountValue value_of(std::string_view account, std::string_view currency) const;
    // O(positions) beside readers and writers; they wait O(instruments) at the end. If many facts
    // keep arriving, writers wait during the fifth round. One thread builds; other callers wait for
    // it.
    void build_index();
    // Retries until it succeeds. Returns false if the deadline passes first.
    template <class Try>
    static bool succeeds(ForkDeadline deadline, Try&& attempt) noexcept {
        while (!attempt()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::sleep_for(std::chrono::microseconds(tuning::kForkPauseUs));
        }
        return true;
    }
    bool at_rest_for_fork_ = false;
    bool lost_in_fork_ = false;
    // The log of all writes to this state. Every change of the grid is in its facts, or resets
    // them. Null: nobody writes this state.
    [[nodiscard]] virtual const ChangeLog* change_log_or_null() const noexcept { return nullptr; }

    virtual void count_cells(std::uint64_t) {}
    virtual void count_index_build() {}
    [[noreturn]] static void unknown_currency(std::string_view name);

private:
    void build_index_beside();
    // Returns false if the master tables changed.
    bool copy_if(std::uint64_t masters, State& seen) const;
    // Runs f(), which holds no lock when it throws. A PositionOverflow becomes an error that names
    // the account and the instrument.
    template <class F>
    [[nodiscard]] auto naming_positions(const char* call, F&& f) const;

    State& read_;
    const Vocabulary& vocabulary_;
    Lock& state_lock_;
    Lock& names_lock_;
    int value_scale_;
    std::atomic<bool> closed_ = false;
    std::atomic<bool> building_ = false;  // true while a thread builds the index
};

template <class Make>
bool Reader::values_if(Question question, std::string_view currency, Make&& make, ResultRows& out,
                       const PercentChanges& changes) {
    State other;
    {
        const Reading reading(state_lock_);
        if (read_.masters != question.masters) return false;
        const Reading names = lock_names();
        Batch batch = make(vocabulary_, read_);
        other = hypothetical(read_, batch);
        if (!currency.empty()) {
            question.currency = batch.currencies.find(currency);
            if (!other.currency_known(question.currency)) unknown_currency(currency);
        }
    }
    for_parts(changes, tuning::kChangesUnderLock, [&](const PercentChanges& part) {
        const Reading names(names_lock_);
        Batch batch(vocabulary_);
        apply_changes(other, part, batch);
    });
    std::uint64_t cells = 0;
    const Reads reads(other, value_scale_);
    out = reads.values(question, cells);
    reads.run_functions(question, out);
    Reads::turn_to_page(question, out);
    count_cells(cells);
    return true;
}

}  // namespace mvcore
