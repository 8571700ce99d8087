// The changed rows of several views in one table: one view after the other, each in the order of
// its labels.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "mvcore/base/code_texts.hpp"
#include "mvcore/base/huge_page_pool.hpp"
#include "mvcore/base/ids.hpp"
#include "mvcore/views/view.hpp"

namespace mvcore {

// One array per column.
struct CombinedRows {
    std::vector<std::int64_t> view;                       // index of the view in the list
    std::vector<std::int64_t> level;                      // of roll-ups
    std::vector<std::vector<std::int32_t>> labels;        // label ids, by column of the grouping
    std::vector<std::shared_ptr<const CodeTexts>> texts;  // by column of the grouping; null: names
    std::vector<std::int32_t> currency;                   // code of the currency of the amounts
    std::vector<huge_pages::Vector<i128>> amounts;        // by measure
    std::vector<std::vector<double>> floats;              // by user function
    std::vector<std::vector<i128>> quantities;            // as in ResultRows
    std::vector<i128> prices;
    std::vector<std::uint8_t> priced;
    std::vector<std::uint8_t> of_one_instrument;
    std::vector<std::int64_t> unpriced;
    std::vector<std::uint8_t> removed;
    Epoch epoch{};

    [[nodiscard]] std::size_t size() const noexcept { return view.size(); }
    // Appends the changes of the view with this index. `of` has returned them, and was not reshaped
    // since.
    void append(std::size_t index, const View& of, const ResultRows& changes);
};

}  // namespace mvcore
