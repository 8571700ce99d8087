// Builds the pages of results: conditions, sort keys, offset and limit.
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "mvcore/bindings/parts.hpp"

namespace mvcore::bindings {
namespace {

constexpr std::array<std::pair<std::string_view, ResultColumn::Field>, 12> kFields = {
    {{"amount", ResultColumn::amount},
     {"magnitude", ResultColumn::magnitude},
     {"float", ResultColumn::floats},
     {"float_magnitude", ResultColumn::float_magnitudes},
     {"quantity", ResultColumn::quantity},
     {"quantity_magnitude", ResultColumn::quantity_magnitude},
     {"price", ResultColumn::price},
     {"price_magnitude", ResultColumn::price_magnitude},
     {"unpriced", ResultColumn::unpriced},
     {"account", ResultColumn::account_group},
     {"instrument", ResultColumn::instrument_group},
     {"currency", ResultColumn::currency}}};
constexpr std::array<std::pair<std::string_view, Condition::Op>, 6> kOps = {
    {{"<", Condition::less},
     {"<=", Condition::less_equal},
     {"=", Condition::equal},
     {"!=", Condition::not_equal},
     {">=", Condition::greater_equal},
     {">", Condition::greater}}};

template <class Names>
auto named(const Names& names, std::string_view name) {
    for (const auto& [known, value] : names)
        if (known == name) return value;
    refuse_argument("page: unknown name '" + std::string(name) + "'");
}

ResultColumn to_column(const std::string& field, std::size_t place,
                       const std::optional<Codes>& keys) {
    ResultColumn column{named(kFields, field), place, {}};
    if (column.has_keys() != keys.has_value())
        refuse_argument("page: only groups and currencies have keys");
    if (keys)
        column.keys = to_codes(*keys, std::numeric_limits<std::int32_t>::min(),
                               std::int64_t{1} << 32, "key of a group");
    return column;
}

}  // namespace

Page checked_page(Page page, const Grouping& grouping, std::size_t levels, std::size_t measures,
                  std::size_t functions, const std::optional<RowQuantities>& quantities) {
    if (page && levels != 0) refuse_argument("page: a roll-up has no pages");
    if (page && !page->fits(grouping, measures, functions, quantities))
        refuse_argument("page: a column is out of range");
    return page;
}

void add_pages(py::module_& m) {
    // `keys`: an integer by group or currency code; the largest one sorts last, in both directions.
    py::class_<ResultPage, Page>(m, "ResultPage")
        .def(py::init([](std::uint64_t offset, std::optional<std::uint64_t> limit) {
                 auto page = std::make_shared<ResultPage>();
                 page->offset = offset;
                 page->limit = limit.value_or(ResultPage::kNoLimit);
                 return page;
             }),
             py::arg("offset"), py::arg("limit"))
        // The bound is 2^64 * high + low.
        .def(
            "add_condition",
            [](ResultPage& page, const std::string& field, std::size_t place,
               const std::optional<Codes>& keys, const std::string& op, std::int64_t high,
               std::uint64_t low, double number) {
                const auto bound =
                    static_cast<i128>((static_cast<u128>(static_cast<i128>(high)) << 64) | low);
                page.conditions.push_back(
                    {to_column(field, place, keys), named(kOps, op), bound, number});
            },
            py::arg("field"), py::arg("place"), py::arg("keys"), py::arg("op"), py::arg("high"),
            py::arg("low"), py::arg("number"))
        .def(
            "add_sort",
            [](ResultPage& page, const std::string& field, std::size_t place,
               const std::optional<Codes>& keys, bool descending) {
                page.sort.push_back({to_column(field, place, keys), descending});
            },
            py::arg("field"), py::arg("place"), py::arg("keys"), py::arg("descending"))
        .def(
            "add_row_order",
            [](ResultPage& page, const std::string& field, const Codes& keys) {
                page.row_order.push_back(to_column(field, 0, keys));
            },
            py::arg("field"), py::arg("keys"));
}

}  // namespace mvcore::bindings
