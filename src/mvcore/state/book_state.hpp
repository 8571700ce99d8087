// Everything a book holds, except its lock.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "mvcore/base/ids.hpp"
#include "mvcore/base/name_table.hpp"
#include "mvcore/board/change_log.hpp"
#include "mvcore/orders/order_index.hpp"
#include "mvcore/state/state.hpp"

namespace mvcore {

// Counts of input rows that had no effect.
struct Dropped {
    std::uint64_t late_prices = 0;  // strictly older than the stored value, as are the next two
    std::uint64_t late_orders = 0;
    std::uint64_t late_fx = 0;
    std::uint64_t unchanged_orders = 0;  // reports that change nothing, such as replays
    std::uint64_t skipped_prices = 0;    // of unknown instruments, with unknown="skip"

    [[nodiscard]] bool any() const noexcept {
        return (late_prices | late_orders | late_fx | unchanged_orders | skipped_prices) != 0;
    }
    Dropped& operator+=(const Dropped& o) noexcept {
        late_prices += o.late_prices;
        late_orders += o.late_orders;
        late_fx += o.late_fx;
        unchanged_orders += o.unchanged_orders;
        skipped_prices += o.skipped_prices;
        return *this;
    }
};

// The result of a write call.
struct Written {
    Epoch epoch{};
    Dropped dropped;

    operator Epoch() const noexcept { return epoch; }
};

// Rows of a batch's orders table that had no effect, ascending. A batch may merge several calls,
// each with some of its rows.
struct DroppedOrders {
    std::vector<std::size_t> late;
    std::vector<std::size_t> unchanged;

    // Counts those in rows [begin, end).
    [[nodiscard]] Dropped between(std::size_t begin, std::size_t end) const noexcept {
        const auto count = [&](const std::vector<std::size_t>& rows) {
            return static_cast<std::uint64_t>(std::lower_bound(rows.begin(), rows.end(), end) -
                                              std::lower_bound(rows.begin(), rows.end(), begin));
        };
        Dropped out;
        out.late_orders = count(late);
        out.unchanged_orders = count(unchanged);
        return out;
    }
    [[nodiscard]] Dropped all() const noexcept { return between(0, ~std::size_t{0}); }
};

struct Counters {
    std::uint64_t ticks = 0;
    std::uint64_t facts = 0;
    Dropped dropped;
    std::atomic<std::uint64_t> cells_swept = 0;  // by reads and by closed views
    std::uint64_t index_builds = 0;
};

// The position of each feed: the number that its latest batch carried.
using Feeds = std::map<std::string, std::int64_t, std::less<>>;

struct BookState {
    State state;
    ChangeLog change_log;
    Vocabulary names;
    OrderIndex order_index;
    Counters counters;
    Feeds feeds;
};

}  // namespace mvcore
