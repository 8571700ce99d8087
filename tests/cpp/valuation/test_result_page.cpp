// Pages of results, compared with a stable sort of all rows, with amounts up to the limits of 128
// bits.
#include "mvcore/valuation/result_page.hpp"

#include <algorithm>
#include <limits>
#include <random>

#include "check.hpp"

using mvcore::Condition;
using mvcore::i128;
using mvcore::page_of;
using mvcore::ResultColumn;
using mvcore::ResultPage;
using mvcore::ResultRows;
using mvcore::SortKey;
using mvcore::u128;

namespace {

constexpr i128 kLeast = static_cast<i128>(u128{1} << 127);
constexpr i128 kMost = ~kLeast;

ResultRows rows_of(const std::vector<i128>& amounts) {
    ResultRows out;
    out.amounts.resize(1);
    out.account_groups = static_cast<std::uint32_t>(std::max<std::size_t>(amounts.size(), 1));
    for (std::size_t k = 0; k < amounts.size(); ++k) {
        out.row.push_back(static_cast<std::int32_t>(k));
        out.amounts[0].push_back(amounts[k]);
        out.unpriced.push_back(0);
    }
    out.epoch = mvcore::Epoch{7};
    return out;
}

SortKey by(ResultColumn::Field field, bool descending) { return {{field, 0, {}}, descending}; }

std::vector<std::int32_t> numbers(const ResultRows& rows) {
    return {rows.row.begin(), rows.row.end()};
}

}  // namespace

TEST(pages_sort_the_whole_range_of_amounts) {
    const auto all = rows_of({0, kMost, kLeast, -1, 1, kLeast + 1});
    ResultPage page;
    page.sort = {by(ResultColumn::amount, false)};
    CHECK((numbers(page_of(all, page)) == std::vector<std::int32_t>{2, 5, 3, 0, 4, 1}));
    page.sort = {by(ResultColumn::amount, true)};
    CHECK((numbers(page_of(all, page)) == std::vector<std::int32_t>{1, 4, 0, 3, 5, 2}));
    // |least| = 2^127 is larger than every i128. |least + 1| ties with the largest.
    page.sort = {by(ResultColumn::magnitude, true)};
    CHECK((numbers(page_of(all, page)) == std::vector<std::int32_t>{2, 1, 5, 3, 4, 0}));
    page.sort = {by(ResultColumn::magnitude, false)};
    CHECK((numbers(page_of(all, page)) == std::vector<std::int32_t>{0, 3, 4, 1, 5, 2}));
    page.sort.clear();
    page.conditions = {{{ResultColumn::magnitude, 0, {}}, Condition::greater, kMost, 0}};
    CHECK((numbers(page_of(all, page)) == std::vector<std::int32_t>{2}));
    page.conditions[0].bound = kLeast;
    CHECK(page_of(all, page).size() == 6);
    page.conditions = {{{ResultColumn::amount, 0, {}}, Condition::less_equal, kLeast, 0}};
    CHECK((numbers(page_of(all, page)) == std::vector<std::int32_t>{2}));
    CHECK(page_of(all, page).epoch == mvcore::Epoch{7});
}

TEST(pages_equal_a_stable_sort) {
    std::mt19937_64 random(1);
    for (int run = 0; run < 200; ++run) {
        const auto count = std::size_t(random() % 3000);
        const std::int64_t spread = run % 2 == 0 ? 5 : 100'000;
        std::vector<i128> amounts;
        for (std::size_t k = 0; k < count; ++k)
            amounts.emplace_back(std::int64_t(random() % std::uint64_t(2 * spread)) - spread);
        const auto all = rows_of(amounts);
        ResultPage page;
        const bool descending = random() % 2 == 0;
        page.sort = {by(ResultColumn::magnitude, descending), by(ResultColumn::amount, false)};
        page.conditions = {{{ResultColumn::amount, 0, {}}, Condition::not_equal, 1, 0}};
        std::vector<std::int32_t> labels(count);
        for (auto& label : labels) label = std::int32_t(random() % 4);
        page.row_order = {{ResultColumn::account_group, 0, labels}};
        page.offset = random() % 40;
        page.limit = random() % 3 == 0 ? ResultPage::kNoLimit : random() % 50;
        std::vector<std::int32_t> want;
        for (std::size_t k = 0; k < count; ++k)
            if (amounts[k] != 1) want.push_back(static_cast<std::int32_t>(k));
        std::stable_sort(want.begin(), want.end(), [&](auto a, auto b) {
            const auto x = amounts[std::size_t(a)];
            const auto y = amounts[std::size_t(b)];
            const auto p = mvcore::magnitude(x);
            const auto q = mvcore::magnitude(y);
            if (p != q) return descending ? p > q : p < q;
            if (x != y) return x < y;
            return labels[std::size_t(a)] < labels[std::size_t(b)];
        });
        const auto first = std::min<std::size_t>(want.size(), page.offset);
        want.erase(want.begin(), want.begin() + std::ptrdiff_t(first));
        if (want.size() > page.limit) want.resize(std::size_t(page.limit));
        const auto got = page_of(all, page);
        CHECK(numbers(got) == want);
        for (std::size_t k = 0; k < got.size(); ++k)
            CHECK(got.amounts[0][k] == amounts[std::size_t(got.row[k])]);
    }
}

TEST(pages_put_nulls_and_nan_last) {
    ResultRows all = rows_of({0, 0, 0, 0, 0});
    const double nan = std::numeric_limits<double>::quiet_NaN();
    all.floats = {{nan, -0.0, 2, -3, 0.0}};
    ResultPage page;
    page.sort = {by(ResultColumn::floats, false)};
    CHECK((numbers(page_of(all, page)) == std::vector<std::int32_t>{3, 1, 4, 2, 0}));
    page.sort = {by(ResultColumn::floats, true)};
    CHECK((numbers(page_of(all, page)) == std::vector<std::int32_t>{2, 1, 4, 3, 0}));
    page.sort = {by(ResultColumn::float_magnitudes, true)};
    CHECK((numbers(page_of(all, page)) == std::vector<std::int32_t>{3, 2, 1, 4, 0}));
    const auto none = ResultColumn::kNoLabel;
    page.sort = {{{ResultColumn::account_group, 0, {none, 0, 2, none, 1}}, true}};
    CHECK((numbers(page_of(all, page)) == std::vector<std::int32_t>{2, 4, 1, 0, 3}));
    CHECK(page_of(all, page).floats[0].size() == 5);
    all.prices = {0, 0, -2, 1, 0};
    all.priced = {0, 1, 1, 1, 1};
    all.of_one_instrument = {1, 1, 1, 1, 1};
    all.quantities = {{5, 6, 7, 8, 9}};
    page.sort = {by(ResultColumn::price, false)};
    CHECK((numbers(page_of(all, page)) == std::vector<std::int32_t>{2, 1, 4, 3, 0}));
    page.sort = {by(ResultColumn::price, true)};
    CHECK((numbers(page_of(all, page)) == std::vector<std::int32_t>{3, 1, 4, 2, 0}));
    page.sort = {by(ResultColumn::price_magnitude, true)};
    CHECK((numbers(page_of(all, page)) == std::vector<std::int32_t>{2, 3, 1, 4, 0}));
    page.sort = {by(ResultColumn::quantity, true)};
    const auto turned = page_of(all, page);
    CHECK((turned.quantities[0] == std::vector<i128>{9, 8, 7, 6, 5}));
    CHECK((turned.prices == std::vector<i128>{0, 1, -2, 0, 0}));
    CHECK((turned.priced == std::vector<std::uint8_t>{1, 1, 1, 1, 0}));
    CHECK((turned.of_one_instrument == all.of_one_instrument));
}

TEST(pages_beyond_the_rows_are_empty) {
    const auto all = rows_of({1, 2, 3});
    ResultPage page;
    for (const bool sorted : {false, true}) {
        if (sorted) page.sort = {by(ResultColumn::amount, true)};
        page.limit = 0;
        page.offset = 0;
        CHECK(page_of(all, page).size() == 0);
        page.limit = ResultPage::kNoLimit;
        page.offset = 3;
        CHECK(page_of(all, page).size() == 0);
        page.offset = ~std::uint64_t{0};
        CHECK(page_of(all, page).size() == 0);
        page.offset = 2;
        CHECK(page_of(all, page).size() == 1);
        CHECK(page_of(rows_of({}), page).size() == 0);
    }
}

TEST(pages_refuse_columns_that_do_not_exist) {
    mvcore::Grouping grouping;
    grouping.account_groups = 2;
    grouping.instrument_groups = 3;
    ResultPage page;
    CHECK(page.fits(grouping, 0, 0));
    page.sort = {by(ResultColumn::amount, false)};
    CHECK(page.fits(grouping, 1, 0) && !page.fits(grouping, 0, 5));
    page.sort = {by(ResultColumn::floats, false)};
    CHECK(page.fits(grouping, 0, 1) && !page.fits(grouping, 5, 0));
    page.sort = {by(ResultColumn::quantity_magnitude, false)};
    const mvcore::RowQuantities one{{mvcore::sod}, false, 0};
    const mvcore::RowQuantities price{{}, true, 0};
    CHECK(page.fits(grouping, 0, 0, one));
    CHECK(!page.fits(grouping, 5, 5, price) && !page.fits(grouping, 5, 5));
    page.sort = {by(ResultColumn::price, false)};
    CHECK(page.fits(grouping, 0, 0, price));
    CHECK(!page.fits(grouping, 5, 5, one) && !page.fits(grouping, 5, 5));
    page.sort.clear();
    page.conditions = {{{ResultColumn::account_group, 0, {0}}, Condition::equal, 0, 0}};
    CHECK(!page.fits(grouping, 1, 0));
    page.conditions[0].column.keys = {0, 1};
    CHECK(page.fits(grouping, 1, 0));
    page.row_order = {{ResultColumn::instrument_group, 0, {0, 1}}};
    CHECK(!page.fits(grouping, 1, 0));
}
