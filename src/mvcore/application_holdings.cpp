#include <algorithm>
#include <tuple>

#include "application.hpp"
#include "errors.hpp"

namespace mvcore {
namespace {

// Quantities up to here fit 64 bits at eight more decimals.
constexpr std::int64_t kNarrow = std::int64_t{1} << 36;

i256 absolute(i128 v) { return i256(v).magnitude(); }

// Brings the cells of a line into the order of their accounts; none stands twice.
template <class Q>
void sort_cells(std::vector<std::uint32_t>& accounts, std::vector<Q>& quantities,
                std::uint32_t rows) {
    if (accounts.size() * 8 >= rows) {  // a pass over all rows costs less than sorting
        std::vector<Q> by_account(rows, 0);
        for (std::size_t k = 0; k < accounts.size(); ++k) by_account[accounts[k]] = quantities[k];
        std::size_t k = 0;
        for (std::uint32_t row = 0; row < rows; ++row) {
            if (by_account[row] == 0) continue;
            accounts[k] = row;
            quantities[k++] = by_account[row];
        }
        return;
    }
    std::vector<std::pair<std::uint32_t, Q>> cells;
    cells.reserve(accounts.size());
    for (std::size_t k = 0; k < accounts.size(); ++k)
        cells.emplace_back(accounts[k], quantities[k]);
    std::sort(cells.begin(), cells.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t k = 0; k < cells.size(); ++k) std::tie(accounts[k], quantities[k]) = cells[k];
}

// The rows side by side by instrument, from start[instrument] on. One pass that reads in order
// and writes to as many places as there are instruments.
HoldingRows by_instrument(const HoldingRows& rows, std::vector<std::size_t> next) {
    HoldingRows out;
    out.account.resize(rows.size());
    out.mantissa.resize(rows.size());
    out.scale.resize(rows.scale.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto at = next[std::size_t(rows.instrument[row])]++;
        out.account[at] = rows.account[row];
        out.mantissa[at] = rows.mantissa[row];
        if (!out.scale.empty()) out.scale[at] = rows.scale[row];
        if (rows.mantissa[row] == HoldingRows::kWide) out.wide.emplace(at, rows.wide.at(row));
    }
    return out;
}

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
        const int scale = even_scale(rows.scale_at(row));
        if (scale <= s.instrument.quantity_scale) continue;
        s.instrument.abs_quantity =
            s.instrument.abs_quantity * pow10<4>(scale - s.instrument.quantity_scale);
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
        const i128 quantity =
            rows.mantissa_at(row) * kPow10[std::size_t(scale - rows.scale_at(row))];
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
    refreshed_ = true;
    grid_ = Grid(instruments, static_cast<std::uint32_t>(batch_.accounts.size()));
    positions_.assign(grid_.rows(), 0);
    for (auto& s : staged_) {
        s.instrument.abs_quantity = i256();
        s.instrument.quantity_scale = 0;
    }
    std::vector<std::size_t> start(instruments + 1, 0);
    bool sorted = true;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        ++start[std::size_t(rows.instrument[row]) + 1];
        sorted = sorted && (row == 0 || rows.instrument[row - 1] <= rows.instrument[row]);
    }
    for (std::size_t i = 0; i < instruments; ++i) start[i + 1] += start[i];
    const HoldingRows copied = sorted ? HoldingRows() : by_instrument(rows, start);
    const HoldingRows& lines = sorted ? rows : copied;
    std::vector<std::int32_t> last(grid_.rows(), -1);  // the instrument that named the account last
    for (std::size_t i = 0; i < instruments; ++i) {
        if (start[i] == start[i + 1]) continue;
        auto& instrument = staged(std::int32_t(i)).instrument;
        bool wide = false;
        for (std::size_t k = start[i]; k < start[i + 1]; ++k) {
            auto& seen = last[std::size_t(lines.account[k])];
            if (seen == std::int32_t(i)) refuse_twice(lines.account[k], std::int32_t(i));
            seen = std::int32_t(i);
            instrument.quantity_scale =
                std::max(instrument.quantity_scale, even_scale(lines.scale_at(k)));
            wide = wide || lines.mantissa[k] > kNarrow || lines.mantissa[k] < -kNarrow;
        }
        // Beyond eight decimals a quantity may outgrow 64 bits.
        if (wide || instrument.quantity_scale > 8)
            fill_line<i128>(i, lines, start[i], start[i + 1], instrument);
        else fill_line<std::int64_t>(i, lines, start[i], start[i + 1], instrument);
    }
}

void Application::refuse_twice(std::int32_t account, std::int32_t instrument) const {
    const auto& rows = batch_.holding_rows;
    bool first = true;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        if (rows.account[row] != account || rows.instrument[row] != instrument) continue;
        if (!first)
            throw Error(ErrorKind::invalid_input,
                        where("account", row) + " stands twice in the table");
        first = false;
    }
}

template <class Q>
void Application::fill_line(std::size_t i, const HoldingRows& rows, std::size_t begin,
                            std::size_t end, Instrument& instrument) {
    std::vector<std::uint32_t> accounts;
    std::vector<Q> quantities;
    accounts.reserve(end - begin);
    quantities.reserve(end - begin);
    bool ascending = true;
    for (std::size_t row = begin; row < end; ++row) {
        const auto power = kPow10[std::size_t(instrument.quantity_scale - rows.scale_at(row))];
        const Q quantity =
            sizeof(Q) == 16 ? static_cast<Q>(rows.mantissa_at(row) * power)
                            : static_cast<Q>(rows.mantissa[row] * static_cast<std::int64_t>(power));
        if (quantity == 0) continue;
        const auto account = static_cast<std::uint32_t>(rows.account[row]);
        ascending = ascending && (accounts.empty() || accounts.back() < account);
        accounts.push_back(account);
        quantities.push_back(quantity);
        ++positions_[account];
    }
    u128 narrow_sum = 0;
    for (auto quantity : quantities) {
        if (sizeof(Q) == 8) narrow_sum += magnitude(quantity);
        else instrument.abs_quantity += absolute(quantity);
    }
    instrument.abs_quantity += i256(static_cast<i128>(narrow_sum));
    if (!ascending) sort_cells(accounts, quantities, grid_.rows());
    grid_.fill(i, accounts.data(), quantities.data(), accounts.size());
}

}  // namespace mvcore
