// Merges batches into one group. Batches can be merged if they bring only facts, in the same
// columns, for different keys.
#include <algorithm>

#include "mvcore/base/assert.hpp"
#include "mvcore/durable/group_commit.hpp"

namespace mvcore::journal {
namespace {

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
    to.insert(to.end(), from.begin(), from.end());
}

bool same_columns(const OrderRows& a, const OrderRows& b) {
    return a.kind == b.kind && a.account.empty() == b.account.empty() &&
           a.instrument.empty() == b.instrument.empty() &&
           a.quantity.empty() == b.quantity.empty() && a.filled.empty() == b.filled.empty() &&
           a.rolled.empty() == b.rolled.empty() &&
           a.average_price.empty() == b.average_price.empty() &&
           a.status.empty() == b.status.empty() && a.time.empty() == b.time.empty();
}

template <class F>
void each_key(const Batch& batch, F&& f) {
    const auto& orders = batch.order_rows;
    for (const auto& id : orders.id) f(hash_of(id, orders.kind));
    const auto& holdings = batch.holding_rows;
    for (std::size_t k = 0; k < holdings.size(); ++k) f(std::hash<CellKey>()(holdings.cell_at(k)));
}

}  // namespace

bool prices_alone(const Batch& b) {
    return b.keeps_masters() && b.prices_given == Given::update &&
           b.holdings_given == Given::absent && b.orders_given == Given::absent;
}

bool mergeable(const Batch& b) {
    return b.keeps_masters() && b.prices_given == Given::absent &&
           b.holdings_given != Given::load && b.orders_given != Given::load;
}

void Merged::add_keys(const Batch& batch) {
    each_key(batch, [&](std::uint64_t key) { keys_.push_back(key); });
    std::sort(keys_.begin(), keys_.end());
}

bool Merged::meets(const Batch& more) const {
    bool met = false;
    each_key(more, [&](std::uint64_t key) {
        met = met || std::binary_search(keys_.begin(), keys_.end(), key);
    });
    return met;
}

bool Merged::add(Batch& batch, const Batch& more) {
    OrderRows& orders = batch.order_rows;
    HoldingRows& holdings = batch.holding_rows;
    MVCORE_ASSERT(mergeable(batch) && keys_.size() == orders.id.size() + holdings.size());
    const bool both = !orders.id.empty() && !more.order_rows.id.empty();
    if (!mergeable(more) || (both && !same_columns(orders, more.order_rows)) || meets(more))
        return false;
    if (orders.id.empty()) {
        orders = more.order_rows;
    } else {
        append(orders.id, more.order_rows.id);
        append(orders.account, more.order_rows.account);
        append(orders.instrument, more.order_rows.instrument);
        append(orders.quantity, more.order_rows.quantity);
        append(orders.filled, more.order_rows.filled);
        append(orders.rolled, more.order_rows.rolled);
        append(orders.average_price, more.order_rows.average_price);
        append(orders.status, more.order_rows.status);
        append(orders.time, more.order_rows.time);
    }
    for (std::size_t k = 0; k < more.holding_rows.size(); ++k) {
        holdings.account.push_back(more.holding_rows.account[k]);
        holdings.instrument.push_back(more.holding_rows.instrument[k]);
        holdings.push_quantity({more.holding_rows.mantissa_at(k), more.holding_rows.scale_at(k)});
    }
    if (more.orders_given == Given::update) batch.orders_given = Given::update;
    if (more.holdings_given == Given::update) batch.holdings_given = Given::update;
    append(batch.feeds, more.feeds);
    batch.calls += more.calls;
    add_keys(more);
    MVCORE_ASSERT(orders.columns_agree() && holdings.columns_agree());
    MVCORE_ASSERT(keys_.size() == orders.id.size() + holdings.size());
    return true;
}

}  // namespace mvcore::journal
