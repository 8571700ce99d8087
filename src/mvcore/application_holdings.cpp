#include <algorithm>

#include "application.hpp"
#include "errors.hpp"

namespace mvcore {
namespace {

i256 absolute(i128 v) { return i256(v).magnitude(); }

}  // namespace

std::string Application::where(const char* column, std::size_t row) const {
    return "holdings." + std::string(column) + ", row " + std::to_string(row) + ": ('" +
           std::string(batch_.accounts.text(batch_.holding_rows.account[row])) + "', '" +
           std::string(batch_.instruments.text(batch_.holding_rows.instrument[row])) + "')";
}

void Application::check_twice() const {
    const auto& rows = batch_.holding_rows;
    std::size_t size = 16;
    while (size < 2 * rows.size()) size *= 2;
    constexpr std::uint64_t kFree = ~std::uint64_t{0};
    std::vector<std::uint64_t> seen(size, kFree);
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto key = static_cast<std::uint64_t>(rows.account[row]) << 32 |
                         static_cast<std::uint32_t>(rows.instrument[row]);
        auto k = (key * 0x9E3779B97F4A7C15ULL >> 20) & (size - 1);
        for (; seen[k] != kFree; k = (k + 1) & (size - 1))
            if (seen[k] == key)
                throw Error(ErrorKind::invalid_input,
                            where("account", row) + " stands twice in the table");
        seen[k] = key;
    }
}

void Application::stage_holdings() {
    if (batch_.holdings_given == Given::absent) return;
    if (batch_.holdings_given == Given::load) return stage_refresh();
    check_twice();
    const auto& rows = batch_.holding_rows;
    const State& state = book_.state_;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        Staged& s = staged(rows.instrument[row]);
        const int scale = even_scale(rows.scale[row]);
        if (scale <= s.instrument.quantity_scale) continue;
        s.instrument.abs_quantity = s.instrument.abs_quantity *
                                    pow10<4>(scale - s.instrument.quantity_scale);
        s.instrument.quantity_scale = scale;
    }
    writes_.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto i = rows.instrument[row];
        Staged& s = staged(i);
        const int scale = s.instrument.quantity_scale;
        i128 before = 0;
        if (std::size_t(i) < state.grid.lines() && !s.reset) {
            const int held_scale = state.board.instrument(i).quantity_scale;
            before = state.grid.get(std::size_t(i), std::uint32_t(rows.account[row])) *
                     kPow10[std::size_t(scale - held_scale)];
        }
        const i128 quantity = rows.mantissa_at(row) * kPow10[std::size_t(scale - rows.scale[row])];
        if (quantity == before) continue;
        s.instrument.abs_quantity += absolute(quantity) - absolute(before);
        writes_.push_back({rows.account[row], i, quantity, before});
        const int change = (quantity != 0 ? 1 : 0) - (before != 0 ? 1 : 0);
        if (change != 0) position_changes_[rows.account[row]] += change;
    }
}

// A full refresh: a counting sort by instrument, then one line of the new grid after the other.
void Application::stage_refresh() {
    const auto& rows = batch_.holding_rows;
    const auto instruments = static_cast<std::size_t>(batch_.instruments.size());
    const auto accounts = static_cast<std::size_t>(batch_.accounts.size());
    refreshed_ = true;
    grid_ = Grid(instruments, static_cast<std::uint32_t>(accounts));
    positions_.assign(accounts, 0);
    for (auto& s : staged_) {
        s.instrument.abs_quantity = i256();
        s.instrument.quantity_scale = 0;
    }
    std::vector<std::size_t> start(instruments + 1, 0);
    for (std::size_t row = 0; row < rows.size(); ++row) {
        ++start[std::size_t(rows.instrument[row]) + 1];
        auto& scale = staged(rows.instrument[row]).instrument.quantity_scale;
        scale = std::max(scale, even_scale(rows.scale[row]));
    }
    for (std::size_t i = 0; i < instruments; ++i) start[i + 1] += start[i];
    struct Entry {
        std::uint32_t row;  // of the table
        std::int32_t account;
    };
    std::vector<Entry> sorted(rows.size());
    {
        auto next = start;
        for (std::size_t row = 0; row < rows.size(); ++row)
            sorted[next[std::size_t(rows.instrument[row])]++] = {static_cast<std::uint32_t>(row),
                                                                 rows.account[row]};
    }
    std::vector<std::int32_t> last(accounts, -1);  // the instrument that named the account last
    std::vector<Grid::Cell> cells;
    for (std::size_t i = 0; i < instruments; ++i) {
        if (start[i] == start[i + 1]) continue;
        auto& instrument = staged(std::int32_t(i)).instrument;
        bool ascending = true;
        u128 narrow_sum = 0;
        cells.clear();
        for (auto k = start[i]; k < start[i + 1]; ++k) {
            const Entry e = sorted[k];
            auto& seen = last[std::size_t(e.account)];
            if (seen == std::int32_t(i))
                throw Error(ErrorKind::invalid_input,
                            where("account", e.row) + " stands twice in the table");
            seen = std::int32_t(i);
            const i128 quantity = rows.mantissa_at(e.row) *
                                  kPow10[std::size_t(instrument.quantity_scale - rows.scale[e.row])];
            if (quantity == 0) continue;
            ascending = ascending && (cells.empty() || cells.back().row < std::uint32_t(e.account));
            cells.push_back({static_cast<std::uint32_t>(e.account), quantity});
            if (quantity == static_cast<std::int64_t>(quantity)) narrow_sum += magnitude(quantity);
            else instrument.abs_quantity += absolute(quantity);
            ++positions_[std::size_t(e.account)];
        }
        instrument.abs_quantity += i256(static_cast<i128>(narrow_sum));
        if (!ascending)
            std::sort(cells.begin(), cells.end(),
                      [](const auto& a, const auto& b) { return a.row < b.row; });
        grid_.fill(i, cells.data(), cells.size());
    }
}

}  // namespace mvcore
