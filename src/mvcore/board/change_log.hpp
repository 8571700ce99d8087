// Bounded logs of recent price changes and facts, which views and other readers follow.
#pragma once

#include <cstdint>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/ring.hpp"
#include "mvcore/board/board.hpp"
#include "mvcore/grid/block.hpp"

namespace mvcore {

// A price change, recorded as the state before it.
struct Change {
    std::int64_t price;      // Quote::price before
    std::uint64_t previous;  // Quote::last_change before: shows whether a reader saw that price
    InstrumentCode instrument;
    UnitId unit_and_wide;

    Change() = default;
    Change(std::int64_t old_price, std::uint64_t last_change, InstrumentCode code, UnitId old_unit,
           bool is_wide)
        : price(old_price),
          previous(last_change),
          instrument(code),
          unit_and_wide(old_unit << 1 | UnitId{is_wide}) {}
    [[nodiscard]] UnitId unit() const noexcept { return unit_and_wide >> 1; }  // before the change
    // Wide before or after the change: a reader must recompute both units.
    [[nodiscard]] bool wide() const noexcept { return (unit_and_wide & 1U) != 0; }
};
static_assert(sizeof(Change) == 24);

// A change of a position's quantities, at the instrument's quantity scale.
struct Fact {
    std::int64_t change[kMeasures];
    std::uint64_t previous;  // 1 + log position of the account's previous fact; 0: none
    AccountCode account;
    InstrumentCode instrument;
    std::int64_t positions;  // change in the number of positions: -1, 0 or 1
};
static_assert(sizeof(Fact) == 48);

class ChangeLog {
public:
    [[nodiscard]] const Ring<Change>& changes() const noexcept { return changes_; }
    [[nodiscard]] Ring<Change>& changes() noexcept { return changes_; }
    [[nodiscard]] const Ring<Fact>& facts() const noexcept { return facts_; }
    // 1 + log position of the account's latest fact; 0: none.
    [[nodiscard]] std::uint64_t last_fact(AccountCode account) const noexcept {
        return code_index(account) < last_fact_.size() ? last_fact_[code_index(account)] : 0;
    }
    void extend(std::size_t accounts) {
        if (last_fact_.size() < accounts) last_fact_.resize(accounts, 0);
    }
    void push(Fact fact) noexcept {
        MVCORE_ASSERT(code_index(fact.account) < last_fact_.size());
        MVCORE_ASSERT(is_code(fact.instrument) && fact.positions >= -1 && fact.positions <= 1);
        auto& last = last_fact_[code_index(fact.account)];
        MVCORE_ASSERT(last <= facts_.end());
        fact.previous = last;
        facts_.push(fact);
        last = facts_.end();
    }
    void forget_facts() noexcept { facts_.reset(); }
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return std::min(changes_.end(), Ring<Change>::kCapacity) * sizeof(Change) +
               std::min(facts_.end(), Ring<Fact>::kCapacity) * sizeof(Fact) +
               last_fact_.capacity() * sizeof(std::uint64_t);
    }

private:
    Ring<Change> changes_;
    Ring<Fact> facts_;
    std::vector<std::uint64_t> last_fact_;  // by account
};

}  // namespace mvcore
