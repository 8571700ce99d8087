// Row numbers and dirty rows against maps and sets of the standard library.
#include <map>
#include <random>
#include <set>
#include <vector>

#include "check.hpp"
#include "mvcore/valuation/dirty_rows.hpp"
#include "mvcore/valuation/row_table.hpp"

using mvcore::DirtyRows;
using mvcore::GroupPair;
using mvcore::RowTable;

TEST(a_listed_table_numbers_pairs_in_the_order_of_adding) {
    std::mt19937_64 random(1);
    for (const std::uint32_t groups : {3U, 40U, 5000U, 1U << 31}) {
        RowTable table;
        std::map<std::uint64_t, std::uint32_t> model;
        std::uint32_t before = RowTable::kNone;
        for (int k = 0; k < 20000; ++k) {
            const GroupPair pair{static_cast<std::uint32_t>(random() % groups),
                                 static_cast<std::uint32_t>(random() % groups)};
            const auto known = model.find(pair.bits());
            CHECK(table.find(pair) == (known == model.end() ? RowTable::kNone : known->second));
            const auto next = static_cast<std::uint32_t>(model.size());
            const auto row = model.emplace(pair.bits(), next).first->second;
            CHECK((k % 2 == 0 ? table.add(pair) : table.add_after(before, pair)) == row);
            CHECK(table.pair(row) == pair && table.size() == model.size());
            before = row;
        }
        for (std::uint32_t row = 0; row + 1 < table.size(); ++row)
            CHECK(table.add_after(row, table.pair(row + 1)) == row + 1);
        CHECK(table.size() == model.size() && !table.numbers_like(table));
    }
}

TEST(a_dense_table_numbers_every_pair) {
    const auto table = RowTable::dense(7, 7 * 5 + 2);
    for (std::uint32_t row = 0; row < 35; ++row) {
        CHECK((table.pair(row) == GroupPair{row / 7, row % 7}));
        CHECK(table.find({row / 7, row % 7}) == row);
    }
    CHECK(table.size() == 37 && table.numbers_like(RowTable::dense(7, 70)));
    CHECK(!table.numbers_like(RowTable::dense(8, 37)));
}

TEST(dirty_rows_are_those_marked_since_they_were_cleared) {
    std::mt19937_64 random(2);
    DirtyRows dirty;
    std::set<std::uint32_t> model;
    std::size_t rows = 0;
    for (int k = 0; k < 3000; ++k) {
        if (k % 50 == 0) dirty.resize(rows += random() % 3000 + 1);
        const auto first = static_cast<std::uint32_t>(random() % rows);
        const auto count = random() % 4 == 0 ? random() % (rows - first + 1) : 1;
        if (count == 1) dirty.mark(first);
        else dirty.mark(first, count);
        for (std::size_t row = first; row < first + count; ++row)
            model.insert(static_cast<std::uint32_t>(row));
        if (random() % 5 != 0) continue;
        std::vector<std::uint32_t> found;
        dirty.append_to(found);
        CHECK((found == std::vector<std::uint32_t>(model.begin(), model.end())));
        if (random() % 3 != 0) continue;
        dirty.clear();
        model.clear();
    }
}
