// Fast path of `update` and `ticks` for small tables of plain Python values: dicts of lists or
// tuples of str, int, float, Decimal and None. Writes a table only if it understands every value.
// Otherwise returns None without having written anything, also if the core refuses a value. The
// general path (mvcore.ingest) then reads the table again, accepts more types and reports the
// errors.
#include <pybind11/critical_section.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string_view>

#include "mvcore/base/errors.hpp"
#include "mvcore/bindings/parts.hpp"

namespace mvcore::bindings {
namespace {

enum class SmallKind : std::uint8_t { text, id, number, time };

struct SmallColumn {
    std::string_view name;
    SmallKind kind;
};

constexpr SmallColumn kSmallHoldings[] = {
    {"account", SmallKind::text}, {"instrument", SmallKind::text}, {"quantity", SmallKind::number}};
constexpr SmallColumn kSmallOrders[] = {
    {"order", SmallKind::id},
    {"account", SmallKind::text},
    {"instrument", SmallKind::text},
    {"order_quantity", SmallKind::number},
    {"filled_quantity", SmallKind::number},
    {"status", SmallKind::text},
    {"average_price", SmallKind::number},
    {"time", SmallKind::time},
    {"rolled_quantity", SmallKind::number},
};
constexpr SmallColumn kSmallPrices[] = {
    {"instrument", SmallKind::text}, {"price", SmallKind::number}, {"time", SmallKind::time}};
constexpr SmallColumn kSmallRates[] = {{"currency", SmallKind::text},
                                       {"rate", SmallKind::number},
                                       {"method", SmallKind::text},
                                       {"time", SmallKind::time}};

// The values of a list or tuple, which no other code can change meanwhile. Null: another type, no
// rows or too many.
py::object small_values(const py::handle& values) {
    PyObject* p = values.ptr();
    py::object out;
    if (PyList_CheckExact(p)) out = py::reinterpret_steal<py::object>(PyList_AsTuple(p));
    else if (PyTuple_CheckExact(p)) out = py::reinterpret_borrow<py::object>(values);
    else return {};
    if (!out) throw py::error_already_set();
    const auto rows = PyTuple_GET_SIZE(out.ptr());
    if (rows == 0 || static_cast<std::size_t>(rows) > tuning::kSmallTableRows) return {};
    return out;
}

std::size_t small_rows(const py::object& values) {
    return static_cast<std::size_t>(PyTuple_GET_SIZE(values.ptr()));
}

PyObject* small_value(const py::object& values, std::size_t row) {
    return PyTuple_GET_ITEM(values.ptr(), static_cast<py::ssize_t>(row));
}

std::optional<std::string_view> small_text(PyObject* value) {
    if (!PyUnicode_CheckExact(value)) return std::nullopt;
    Py_ssize_t size = 0;
    const char* bytes = PyUnicode_AsUTF8AndSize(value, &size);
    if (bytes != nullptr) return std::string_view(bytes, static_cast<std::size_t>(size));
    PyErr_Clear();
    return std::nullopt;
}

std::optional<std::int64_t> small_integer(PyObject* value) {
    if (!PyLong_CheckExact(value)) return std::nullopt;
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    return overflow == 0 ? std::optional<std::int64_t>(number) : std::nullopt;
}

// Converts times as `mvcore.ingest.times` does. Integers of plausible times need no call of Python.
class SmallTimes {
public:
    SmallTimes(const py::handle& time_unit, std::int64_t ahead)
        : time_unit_(time_unit), ahead_(ahead) {}

    // Whether the unit of time is one.
    [[nodiscard]] bool valid() {
        PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<Python> once;
        python_ = &stored(once, [] {
            const auto times = py::module_::import("mvcore.ingest.times");
            return Python{times.attr("rule"), times.attr("to_ns"), times.attr("UNITS"),
                          py::cast<std::int64_t>(times.attr("EARLIEST_NS")),
                          py::cast<std::int64_t>(times.attr("AFTER_NS"))};
        });
        if (!PyUnicode_CheckExact(time_unit_.ptr())) return false;
        PyObject* unit = PyDict_GetItemWithError(python_->units.ptr(), time_unit_.ptr());
        if (unit == nullptr) {
            PyErr_Clear();
            return false;
        }
        unit_ = small_integer(unit).value_or(0);
        return unit_ > 0;
    }

    // May run Python code, of a time zone for example.
    [[nodiscard]] std::optional<std::int64_t> ns(PyObject* value) {
        if (value == Py_None) return kNoTime;
        if (!PyLong_CheckExact(value)) return ns_by_python(value);
        const auto number = small_integer(value);
        if (!number || *number < python_->earliest / unit_ || *number >= python_->after / unit_)
            return std::nullopt;
        const std::int64_t out = *number * unit_;
        if (i128{out} > i128{now()} + ahead_) return std::nullopt;
        return out;
    }

private:
    struct Python {
        py::object rule;
        py::object to_ns;
        py::object units;
        std::int64_t earliest;
        std::int64_t after;
    };

    [[nodiscard]] static std::int64_t now() {
        return std::chrono::duration_cast<std::chrono::nanoseconds>(
                   std::chrono::system_clock::now().time_since_epoch())
            .count();
    }
    [[nodiscard]] std::optional<std::int64_t> ns_by_python(PyObject* value) {
        try {
            if (!rule_) rule_ = python_->rule(py::none(), ahead_, time_unit_, "update");
            return small_integer(
                python_->to_ns(py::handle(value), "update", "time", py::none(), rule_).ptr());
        } catch (const py::error_already_set& error) {
            if (!error.matches(PyExc_Exception)) throw;  // KeyboardInterrupt
            return std::nullopt;
        }
    }

    const Python* python_ = nullptr;
    py::handle time_unit_;
    std::int64_t ahead_;
    std::int64_t unit_ = 1;
    py::object rule_;
};

// Views of the texts, which `values` must keep until the write has ended.
bool small_texts(const py::object& values, text::ColumnChunk& chunk) {
    const auto rows = small_rows(values);
    auto& out = chunk.data.emplace<text::TextViews>();
    out.texts.reserve(rows);
    for (std::size_t row = 0; row < rows; ++row) {
        PyObject* value = small_value(values, row);
        const auto text = value == Py_None ? std::string_view() : small_text(value);
        if (!text) return false;
        out.texts.push_back(*text);
    }
    return true;
}

bool small_ids(const py::object& values, text::ColumnChunk& chunk) {
    if (!PyLong_CheckExact(small_value(values, 0))) return small_texts(values, chunk);
    const auto rows = small_rows(values);
    const auto ids = std::make_shared<std::vector<std::int64_t>>();
    ids->reserve(rows);
    for (std::size_t row = 0; row < rows; ++row) {
        const auto id = small_integer(small_value(values, row));
        if (!id) return false;
        ids->push_back(*id);
    }
    chunk.data = text::Numbers{text::Number::i64, ids->data(), 0};
    chunk.owner = ids;
    return true;
}

bool small_decimals(const py::object& values, text::ColumnChunk& chunk) {
    const auto rows = small_rows(values);
    auto& out = chunk.data.emplace<text::OwnedDecimals>();
    out.values.reserve(rows);
    for (std::size_t row = 0; row < rows; ++row) {
        PyObject* value = small_value(values, row);
        Decimal number;
        if (value == Py_None) {
            out.nulls.resize(rows, 0);
            out.nulls[row] = 1;
        } else if (!plain_decimal(value, number)) {
            return false;
        }
        out.values.push_back(number);
    }
    return true;
}

std::optional<std::vector<std::int64_t>> small_times(const py::object& values, SmallTimes& times) {
    std::vector<std::int64_t> out;
    out.reserve(small_rows(values));
    for (std::size_t row = 0; row < small_rows(values); ++row) {
        const auto ns = times.ns(small_value(values, row));
        if (!ns) return std::nullopt;
        out.push_back(*ns);
    }
    return out;
}

struct NamedValues {
    const SmallColumn* column;
    py::object values;
};

// The columns of a dict. Empty: it is not a dict, or has a column that the table does not have.
std::vector<NamedValues> small_columns(const py::handle& table,
                                       std::span<const SmallColumn> known) {
    std::vector<NamedValues> out;
    if (!PyDict_CheckExact(table.ptr())) return out;
    const py::scoped_critical_section unchanged(table);
    const auto columns = PyDict_Size(table.ptr());
    if (columns <= 0 || static_cast<std::size_t>(columns) > known.size()) return out;
    out.reserve(static_cast<std::size_t>(columns));
    Py_ssize_t at = 0;
    PyObject* key = nullptr;
    PyObject* value = nullptr;
    std::size_t next = 0;  // most tables have the columns in the documented order
    while (PyDict_Next(table.ptr(), &at, &key, &value) != 0) {
        const auto name = small_text(key);
        std::size_t tried = 0;
        while (name && tried < known.size() && known[next].name != *name) {
            next = (next + 1) % known.size();
            ++tried;
        }
        if (!name || tried == known.size()) return {};
        out.push_back({&known[next], py::reinterpret_borrow<py::object>(value)});
        next = (next + 1) % known.size();
    }
    return out;
}

// Reads the columns of a table. `columns` keeps the texts that the result refers to.
std::optional<text::Table> small_table(std::vector<NamedValues>& columns, SmallTimes& times) {
    std::size_t rows = 0;
    for (auto& [column, values] : columns) {
        values = small_values(values);
        if (!values || (rows != 0 && small_rows(values) != rows)) return std::nullopt;
        rows = small_rows(values);
    }
    text::Table table;
    table.columns.reserve(columns.size());
    for (const auto& [column, values] : columns) {
        if (column->kind == SmallKind::time) {
            table.times = small_times(values, times);
            if (!table.times) return std::nullopt;
            continue;
        }
        auto& chunk = table.columns[column->name].chunks.emplace_back();
        chunk.rows = rows;
        const bool read = column->kind == SmallKind::text ? small_texts(values, chunk)
                          : column->kind == SmallKind::id ? small_ids(values, chunk)
                                                          : small_decimals(values, chunk);
        if (!read) return std::nullopt;
    }
    return table;
}

// Whether `unknown` is "skip". Empty if it is neither "skip" nor "error".
std::optional<bool> small_skip(const py::handle& unknown) {
    const auto text = small_text(unknown.ptr());
    if (text == "error") return false;
    return text == "skip" ? std::optional(true) : std::nullopt;
}

// The epoch, or its pair with the dropped rows.
py::object small_result(const Written& written) {
    if (written.dropped.any()) return to_tuple(written);
    return py::int_(raw(written.epoch));
}

py::object update_small(Book& book, const py::object& holdings, const py::object& orders,
                        const py::object& prices, const py::object& fx, const py::object& unknown,
                        const py::object& time_unit, std::int64_t ahead) {
    const auto skip = small_skip(unknown);
    SmallTimes times(time_unit, ahead);
    if (!skip || !times.valid()) return py::none();
    struct Part {
        const py::object& given;
        std::span<const SmallColumn> known;
        std::optional<text::Table> text::Tables::* table;
        std::vector<NamedValues> columns;
    };
    std::array<Part, 4> parts{{{holdings, kSmallHoldings, &text::Tables::holdings, {}},
                               {orders, kSmallOrders, &text::Tables::orders, {}},
                               {prices, kSmallPrices, &text::Tables::prices, {}},
                               {fx, kSmallRates, &text::Tables::fx, {}}}};
    text::Tables tables;
    bool any = false;
    for (Part& part : parts) {
        if (part.given.is_none()) continue;
        any = true;
        part.columns = small_columns(part.given, part.known);
        if (part.columns.empty()) return py::none();
        tables.*part.table = small_table(part.columns, times);
        if (!(tables.*part.table)) return py::none();
    }
    if (!any) return py::none();
    try {
        return small_result(unlocked([&] {
            return book.write(
                [&] { return text::make_batch(book.names(), book.state(), tables, false, *skip); });
        }));
    } catch (const InputError&) {
        return py::none();
    }
}

// The instruments of ticks: names, or codes as the caller gives them.
class SmallInstruments {
public:
    // Returns false if a value is neither a name nor a code. Views the texts of the names.
    [[nodiscard]] bool read(const py::object& values) {
        const auto rows = small_rows(values);
        const bool codes = PyLong_CheckExact(small_value(values, 0));
        for (std::size_t row = 0; row < rows; ++row) {
            PyObject* value = small_value(values, row);
            if (codes) {
                const auto code = small_integer(value);
                if (!code || *code < 0 || *code > std::numeric_limits<std::int32_t>::max())
                    return false;
                codes_.push_back(InstrumentCode(*code));
            } else {
                const auto name = small_text(value);
                if (!name || name->empty()) return false;
                names_.push_back(*name);
            }
        }
        return true;
    }
    // Finds the codes of the names, -1 if unknown. Returns whether all are known.
    bool find(Book& book) {
        if (names_.empty()) return true;
        const Reading reading(book.lock());
        bool all = true;
        for (const auto name : names_) {
            const auto code = InstrumentCode(book.find(book.names().instruments, name));
            const bool alive = book.state().instrument_alive(code);
            codes_.push_back(alive ? code : kNoInstrument);
            all = all && alive;
        }
        return all;
    }
    [[nodiscard]] InstrumentCode operator[](std::size_t row) const { return codes_[row]; }

private:
    std::vector<std::string_view> names_;
    std::vector<InstrumentCode> codes_;
};

py::object ticks_small(Book& book, const py::object& instruments, const py::object& prices,
                       const py::object& times, const py::object& unknown,
                       const py::object& time_unit, std::int64_t ahead) {
    // These hold the texts of the names until the write has ended.
    const py::object names = small_values(instruments);
    const py::object numbers = names ? small_values(prices) : py::object();
    if (!numbers || small_rows(names) != small_rows(numbers)) return py::none();
    const py::object moments = times.is_none() ? py::object() : small_values(times);
    if (!times.is_none() && (!moments || small_rows(moments) != small_rows(names)))
        return py::none();
    const auto skip = small_skip(unknown);
    SmallTimes clock(time_unit, ahead);
    SmallInstruments codes;
    if (!skip || !clock.valid() || !codes.read(names)) return py::none();
    std::vector<TickRow> rows(small_rows(names));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        Decimal price;
        const auto ns = moments ? clock.ns(small_value(moments, row)) : std::optional(kNoTime);
        if (!ns || !plain_decimal(small_value(numbers, row), price)) return py::none();
        const auto mantissa = static_cast<std::int64_t>(price.mantissa);
        if (mantissa != price.mantissa) return py::none();
        rows[row] = {mantissa, *ns, kNoInstrument, price.scale};
    }
    try {
        return small_result(unlocked([&] {
            const bool all = codes.find(book);
            for (std::size_t row = 0; row < rows.size(); ++row) rows[row].instrument = codes[row];
            return book.ticks(rows, *skip && !all);
        }));
    } catch (const InputError&) {
        return py::none();
    }
}

}  // namespace

void add_small_tables(py::class_<Book, std::shared_ptr<Book>, Reader>& book) {
    book.def("update_small", &update_small, py::arg("holdings"), py::arg("orders"),
             py::arg("prices"), py::arg("fx"), py::arg("unknown"), py::arg("time_unit"),
             py::arg("max_future_ns"))
        .def("ticks_small", &ticks_small, py::arg("instruments"), py::arg("prices"),
             py::arg("times"), py::arg("unknown"), py::arg("time_unit"), py::arg("max_future_ns"));
}

}  // namespace mvcore::bindings
