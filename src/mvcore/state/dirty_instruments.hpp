// Tracks which instruments' holdings and orders changed since which checkpoint. To mark an
// instrument dirty, a writer stores the number of the next checkpoint: one memory store.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "mvcore/base/ids.hpp"

namespace mvcore {

class DirtyInstruments {
public:
    void extend(std::size_t instruments) {
        if (instruments <= holdings_.size()) return;
        holdings_.resize(instruments, next_);
        orders_.resize(instruments, next_);
    }
    void holdings(InstrumentCode instrument) noexcept { holdings_[code_index(instrument)] = next_; }
    void orders(InstrumentCode instrument) noexcept { orders_[code_index(instrument)] = next_; }
    void all() noexcept {
        std::fill(holdings_.begin(), holdings_.end(), next_);
        std::fill(orders_.begin(), orders_.end(), next_);
    }
    // The state right after a restore: nothing changed since checkpoint 0.
    void none(std::size_t instruments) {
        holdings_.assign(instruments, 0);
        orders_.assign(instruments, 0);
    }
    // The number that writers store. The caller copies the state together with it.
    [[nodiscard]] std::uint32_t next() const noexcept { return next_; }
    void begin_next() noexcept { ++next_; }
    [[nodiscard]] const std::vector<std::uint32_t>& held() const noexcept { return holdings_; }
    [[nodiscard]] const std::vector<std::uint32_t>& ordered() const noexcept { return orders_; }

private:
    std::vector<std::uint32_t> holdings_;  // by instrument
    std::vector<std::uint32_t> orders_;
    std::uint32_t next_ = 1;
};

}  // namespace mvcore
