// The day roll: current quantities become start-of-day holdings and all fills count as rolled.
#include "application.hpp"

namespace mvcore {

void Application::stage_roll() {
    const OrderStore& store = state_.orders;
    refreshed_ = true;
    grid_ = Grid(state_.grid.lines(), state_.grid.rows());
    positions_.assign(grid_.rows(), 0);
    account_orders_.assign(grid_.rows(), 0);
    std::vector<std::uint32_t> accounts;
    std::array<std::vector<i128>, kMeasures> columns;
    for (std::size_t i = 0; i < grid_.lines(); ++i) {
        const auto code = static_cast<std::int32_t>(i);
        const bool empty = state_.grid.positions(i) == 0 && store.count(code) == 0;
        // Cash legs that cancel out leave no position, but a sum of absolute quantities to reset.
        if (empty &&
            (i >= state_.board.size() || state_.board.instrument(code).abs_quantity.zero()))
            continue;
        i256 sum;
        accounts.clear();
        for (auto& column : columns) column.clear();
        state_.grid.for_each(i, [&](std::uint32_t account, const Net& net) {
            sum += i256(net[current]).magnitude();
            if (net[current] == 0 && net[expected] == 0) return;
            accounts.push_back(account);
            columns[sod].push_back(net[current]);
            columns[current].push_back(net[current]);
            columns[expected].push_back(net[expected]);
            ++positions_[account];
        });
        store.for_each(code, [&](Slot, const OrderPage& page, std::uint32_t k) {
            const auto order = order_after(page, k);
            if (!order) return;
            sum += i256(order->leaves()).magnitude();
            ++account_orders_[std::size_t(order->account)];
        });
        staged(code).instrument.abs_quantity = sum;
        const Source<i128> source = {{columns[0].data(), columns[1].data(), columns[2].data()},
                                     kMeasures};
        grid_.fill(i, accounts.data(), source, accounts.size());
    }
}

void Application::commit_roll() noexcept {
    state_.orders.roll(batch_.roll_drops_ended, [&](Slot slot) {
        live_->order_index.erase(state_.orders.hash_at(slot), slot);
    });
}

}  // namespace mvcore
