// What a book holds, without its lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "history.hpp"
#include "names.hpp"
#include "order_ids.hpp"
#include "state.hpp"

namespace mvcore {

struct Counters {
    std::uint64_t ticks = 0;
    std::uint64_t late_prices = 0;
    std::uint64_t late_orders = 0;
    std::uint64_t facts = 0;
    std::atomic<std::uint64_t> cells_swept = 0;  // by `values` and by views that are closed
    std::uint64_t index_builds = 0;
};

// How far each feed has come: the number that its latest batch brought.
using Feeds = std::map<std::string, std::int64_t, std::less<>>;

struct Live {
    State state;
    History history;
    Vocabulary names;
    OrderIndex order_index;
    Counters counters;
    Feeds feeds;
};

}  // namespace mvcore
