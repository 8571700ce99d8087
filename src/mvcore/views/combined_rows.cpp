#include "mvcore/views/combined_rows.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "mvcore/base/assert.hpp"

namespace mvcore {
namespace {

// Subtotals have the id -2 and come first. Rows without a label have the id -1 and come last.
std::int32_t order_of(std::int32_t id) {
    return id == -1 ? std::numeric_limits<std::int32_t>::max() : id;
}

std::int32_t label_id(const RowLabels::Column& column, const ResultRows& rows, std::size_t k) {
    std::uint32_t group = 0;
    switch (column.of) {
        case RowLabels::Of::row: group = static_cast<std::uint32_t>(rows.row[k]); break;
        case RowLabels::Of::account_group: group = rows.pair(k).account_group; break;
        case RowLabels::Of::instrument_group: group = rows.pair(k).instrument_group; break;
    }
    if (!column.ids) return static_cast<std::int32_t>(group);
    MVCORE_ASSERT(group < column.ids->size());
    return (*column.ids)[group];
}

}  // namespace

void CombinedRows::append(std::size_t index, const View& of, const ResultRows& changes) {
    const RowLabels& shape = of.labels();
    const std::size_t count = changes.size();
    const std::size_t before = size();
    if (labels.empty() && amounts.empty() && floats.empty() && quantities.empty()) {
        labels.resize(shape.columns.size());
        amounts.resize(of.amounts());
        floats.resize(of.functions());
        if (of.quantities()) quantities.resize(of.quantities()->measures.size());
        for (const auto& column : shape.columns) texts.push_back(column.texts);
    }
    MVCORE_ASSERT(labels.size() == shape.columns.size() && amounts.size() == of.amounts());
    MVCORE_ASSERT(floats.size() == of.functions() && changes.removed.size() == count);
    if (count == 0) return;
    for (std::size_t c = 0; c < labels.size(); ++c)
        for (std::size_t k = 0; k < count; ++k)
            labels[c].push_back(label_id(shape.columns[c], changes, k));
    // The places of the rows in `changes`, in the order of their labels.
    std::vector<std::uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0U);
    const auto precedes = [&](std::uint32_t a, std::uint32_t b) {
        for (const auto& ids : labels) {
            const auto left = order_of(ids[before + a]);
            const auto right = order_of(ids[before + b]);
            if (left != right) return left < right;
        }
        return !changes.currency.empty() && changes.currency[a] < changes.currency[b];
    };
    if (!std::is_sorted(order.begin(), order.end(), precedes)) {
        std::sort(order.begin(), order.end(), precedes);
        std::vector<std::int32_t> ids(count);
        for (auto& column : labels) {
            for (std::size_t k = 0; k < count; ++k) ids[k] = column[before + order[k]];
            std::copy(ids.begin(), ids.end(), column.begin() + std::ptrdiff_t(before));
        }
    }
    view.resize(before + count, static_cast<std::int64_t>(index));
    for (const auto k : order) {
        if (!shape.level_of.empty()) level.push_back(shape.level_of[std::size_t(changes.row[k])]);
        currency.push_back(changes.currency.empty() ? of.currency() : changes.currency[k]);
        unpriced.push_back(changes.unpriced[k]);
        removed.push_back(changes.removed[k]);
    }
    for (std::size_t m = 0; m < amounts.size(); ++m) {
        const auto& from = changes.amounts[changes.amounts.size() == 1 ? 0 : m];
        for (const auto k : order) amounts[m].push_back(from[k]);
    }
    const auto append_each = [&](const auto& from, auto& to) {
        if (from.empty()) return;
        for (const auto k : order) to.push_back(from[k]);
    };
    for (std::size_t f = 0; f < floats.size(); ++f) append_each(changes.floats[f], floats[f]);
    for (std::size_t q = 0; q < quantities.size(); ++q)
        append_each(changes.quantities[q], quantities[q]);
    append_each(changes.prices, prices);
    append_each(changes.priced, priced);
    append_each(changes.of_one_instrument, of_one_instrument);
}

}  // namespace mvcore
