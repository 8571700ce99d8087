// Restores a state from columns of files as store.cpp made them. Long work runs without the GIL.
#include "mvcore/checkpoint/restore.hpp"

#include "mvcore/base/errors.hpp"
#include "mvcore/bindings/parts.hpp"

namespace mvcore::bindings {
namespace {

using Bytes = py::array_t<std::uint8_t, py::array::c_style>;

// Converts `rows` integers of 8 to 64 bits, or of 128 bits as shape (n, 2). None: the column is
// absent.
StoredInts to_ints(const py::object& given, std::size_t rows) {
    if (given.is_none()) return {};
    const auto array = py::cast<py::array>(given);
    const bool wide = array.ndim() == 2;
    const auto width = array.itemsize();
    // Refuse buffers that need conversion: the converted copy would not outlive this function.
    if (!py::isinstance<py::array>(given) || array.dtype().kind() != 'i' ||
        (array.flags() & py::array::c_style) == 0 ||
        (wide ? array.shape(1) != 2 || width != 8 : array.ndim() != 1) ||
        static_cast<std::size_t>(array.shape(0)) != rows)
        corrupt("a column is not what it should be");
    StoredInts out;
    out.data = static_cast<const std::byte*>(array.data());
    out.width = wide         ? kernels::w128
                : width == 1 ? kernels::w8
                : width == 2 ? kernels::w16
                : width == 4 ? kernels::w32
                             : kernels::w64;
    return out;
}

// Converts (prices, known flags) of `rows` rows. None: the column is absent.
StoredPrices to_prices(const py::object& given, std::size_t rows) {
    if (given.is_none()) return {};
    const auto columns = py::cast<py::tuple>(given);
    if (columns.size() != 2) corrupt("a column of prices is not two arrays");
    return {to_ints(columns[0], rows), to_ints(columns[1], rows)};
}

// Converts (offsets, bytes) of `rows` texts.
StoredTexts to_texts(const py::tuple& given, std::size_t rows) {
    if (given.size() != 2 || !py::isinstance<py::array>(given[0]) ||
        !py::isinstance<Bytes>(given[1]))
        corrupt("a column of texts is not two arrays");
    const auto offsets = py::cast<py::array>(given[0]);
    const auto bytes = py::cast<Bytes>(given[1]);
    if (offsets.dtype().kind() != 'i' || offsets.itemsize() != 4 ||
        (offsets.flags() & py::array::c_style) == 0 ||
        static_cast<std::size_t>(offsets.size()) != rows + 1)
        corrupt("a column of texts is not what it should be");
    return {static_cast<const std::byte*>(offsets.data()),
            reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(bytes.size())};
}

template <class T>
std::vector<T> to_vector(const py::dict& table, const char* column, std::size_t rows) {
    const auto array =
        py::cast<py::array_t<T, py::array::c_style | py::array::forcecast>>(table[column]);
    if (static_cast<std::size_t>(array.size()) != rows)
        corrupt(std::string(column) + " has not as many rows as the table");
    return {array.data(), array.data() + rows};
}

std::vector<i128> to_wide(const py::dict& table, const char* column, std::size_t rows) {
    const auto stored = to_ints(table[column], rows);
    if (stored.width != kernels::w128) corrupt(std::string(column) + " is not a decimal");
    std::vector<i128> out(rows);
    std::memcpy(out.data(), stored.data, rows * sizeof(i128));
    return out;
}

StoredCounts to_stored_counts(const py::dict& c) {
    const auto at = [&](const char* name) { return py::cast<std::uint64_t>(c[name]); };
    return {Epoch{at("epoch")},
            at("masters"),
            at("orders"),
            at("ticks"),
            at("facts"),
            {at("late_prices"), at("late_orders"), at("late_fx"), at("unchanged_orders"),
             at("skipped_prices")}};
}

IdKind to_kind(const std::string& name) {
    if (name == "none") return IdKind::none;
    if (name == "text") return IdKind::text;
    if (name == "integer") return IdKind::integer;
    corrupt("order ids are neither text nor integers: " + name);
}

void put_instruments(Restore& restore, const py::dict& table, std::size_t rows) {
    InstrumentsTable t;
    t.alive = to_vector<std::uint8_t>(table, "alive", rows);
    t.currency = to_vector<std::int32_t>(table, "currency", rows);
    t.multiplier = to_wide(table, "multiplier", rows);
    t.quote_factor = to_wide(table, "quote_factor", rows);
    t.cash = to_vector<std::uint8_t>(table, "cash", rows);
    t.quantity_scale = to_vector<std::uint8_t>(table, "quantity_scale", rows);
    t.priced = to_vector<std::uint8_t>(table, "priced", rows);
    t.price = to_wide(table, "price", rows);
    t.price_scale = to_vector<std::uint8_t>(table, "price_scale", rows);
    t.price_time = to_vector<std::int64_t>(table, "price_time", rows);
    t.price_epoch = to_vector<std::uint64_t>(table, "price_epoch", rows);
    const auto names = to_texts(table["instrument"], rows);
    const Unlocked free;
    restore.instruments(names, t);
}

void put_chunk(Restore& restore, std::int32_t begin, std::int32_t end, const py::dict& held,
               std::size_t held_rows, const py::dict& ordered, std::size_t order_rows) {
    StoredHoldings h;
    StoredOrders o;
    if (h.rows = held_rows; held_rows != 0) {
        h.instrument = to_ints(held["instrument"], held_rows);
        h.account = to_ints(held["account"], held_rows);
        h.quantity = to_ints(held["quantity"], held_rows);
    }
    if (o.rows = order_rows; order_rows != 0) {
        o.instrument = to_ints(ordered["instrument"], order_rows);
        o.account = to_ints(ordered["account"], order_rows);
        o.quantity = to_ints(ordered["order_quantity"], order_rows);
        o.filled = to_ints(ordered["filled_quantity"], order_rows);
        o.rolled = to_ints(ordered["rolled_quantity"], order_rows);
        o.average_price = to_prices(ordered["average_price"], order_rows);
        o.rolled_price = to_prices(ordered["rolled_price"], order_rows);
        o.status = to_ints(ordered["status"], order_rows);
        o.time = to_ints(ordered["time"], order_rows);
        o.retained = to_ints(ordered["retained"], order_rows);
        if (py::isinstance<py::tuple>(ordered["order"]))
            o.text = to_texts(ordered["order"], order_rows);
        else o.number = to_ints(ordered["order"], order_rows);
    }
    const Unlocked free;
    restore.chunk(InstrumentCode(begin), InstrumentCode(end), h, o);
}

}  // namespace

void add_restore(py::module_& m) {
    m.attr("INDEX_TABLES") = OrderIndex::tables();
    py::class_<Restore, std::unique_ptr<Restore, DeleteUnlocked>>(m, "Restore")
        .def(
            py::init([](const std::string& base, const std::string& kind, const py::dict& counts,
                        const std::optional<std::string>& cash, std::optional<int> cash_scale) {
                return std::unique_ptr<Restore, DeleteUnlocked>(new Restore(
                    base, to_kind(kind), to_stored_counts(counts), to_cash_rule(cash, cash_scale)));
            }),
            py::arg("base"), py::arg("kind"), py::arg("counts"), py::arg("cash"),
            py::arg("cash_scale"))
        .def(
            "currencies",
            [](Restore& r, const py::dict& table, std::size_t rows) {
                r.currencies(
                    to_texts(table["currency"], rows), rows,
                    {to_wide(table, "rate", rows), to_vector<std::uint8_t>(table, "divide", rows),
                     to_vector<std::int64_t>(table, "time", rows)});
            },
            py::arg("table"), py::arg("rows"))
        .def(
            "accounts",
            [](Restore& r, const py::dict& table, std::size_t rows) {
                r.accounts(to_texts(table["account"], rows),
                           to_vector<std::uint8_t>(table, "alive", rows));
            },
            py::arg("table"), py::arg("rows"))
        .def("instruments", &put_instruments, py::arg("table"), py::arg("rows"))
        .def("chunk", &put_chunk, py::arg("begin"), py::arg("end"), py::arg("held"),
             py::arg("held_rows"), py::arg("ordered"), py::arg("order_rows"))
        .def(
            "index",
            [](Restore& r, std::size_t begin, std::size_t end) {
                const Unlocked free;
                r.index(begin, end);
            },
            py::arg("begin"), py::arg("end"))
        .def(
            "finish",
            [](Restore& r, Book& book) {
                const Unlocked free;
                r.finish();
                book.adopt(r);
            },
            py::arg("book"));
}

}  // namespace mvcore::bindings
