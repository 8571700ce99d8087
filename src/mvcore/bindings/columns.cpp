// Converts Python values to columns. Python objects are copied out here, before any lock is taken,
// because reading them may run Python code.
#include <optional>

#include "mvcore/base/errors.hpp"
#include "mvcore/bindings/parts.hpp"
#include "mvcore/ingest/column.hpp"

namespace mvcore::bindings {
namespace {

using namespace mvcore::text;

// The table, column and row of a Python value.
struct ValuePlace {
    const std::string& table;
    const std::string& column;
    std::optional<std::size_t> row;

    // The exception carries the value itself.
    [[noreturn]] void refuse(const py::handle& value, const char* reason) const {
        const auto errors = py::module_::import("mvcore.errors");
        const py::str text = errors.attr("shown")(value);
        raise(errors.attr("invalid")(table, column, row, value,
                                     text + py::str(" ") + py::str(reason)));
    }
    [[noreturn]] void refuse_type(const py::handle& value, const char* expected) const {
        raise(py::module_::import("mvcore.errors")
                  .attr("wrong_type")(table, column, row, value, expected));
    }

private:
    [[noreturn]] static void raise(const py::object& error) {
        PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
        throw py::error_already_set();
    }
};

std::shared_ptr<const void> keep(py::object owner) {
    return {new py::object(std::move(owner)), [](const void* p) {
                const py::gil_scoped_acquire gil;
                delete static_cast<const py::object*>(p);
            }};
}

Validity validity(std::uintptr_t bits, std::int64_t offset) {
    return {reinterpret_cast<const std::uint8_t*>(bits), offset};
}

Column one(ColumnChunk chunk) {
    Column column;
    column.chunks.push_back(std::move(chunk));
    return column;
}

template <class Offset>
Column utf8(std::size_t rows, std::uintptr_t bits, std::int64_t offset, std::uintptr_t offsets,
            std::uintptr_t bytes, py::object owner) {
    const Texts<Offset> texts{reinterpret_cast<const Offset*>(offsets) + offset,
                              reinterpret_cast<const char*>(bytes)};
    return one({rows, validity(bits, offset), texts, keep(std::move(owner))});
}

Column dictionary(std::size_t rows, std::uintptr_t bits, std::int64_t offset,
                  std::uintptr_t indices, int bytes, bool is_signed, const Column& texts,
                  py::object owner) {
    Dictionary d{reinterpret_cast<const char*>(indices) + offset * bytes, bytes, is_signed, {}, {}};
    for (const auto& chunk : texts.chunks)
        for (std::size_t k = 0; k < chunk.rows; ++k) {
            bool null = false;
            d.texts.push_back(name_at(chunk, k, null));
            d.text_null.push_back(null ? 1 : 0);
        }
    // The owner holds both arrays and keeps the buffers of the texts alive.
    return one({rows, validity(bits, offset), std::move(d), keep(std::move(owner))});
}

Column numbers(const std::string& kind, std::size_t rows, std::uintptr_t bits, std::int64_t offset,
               std::uintptr_t data, int scale, py::object owner) {
    static const std::pair<const char*, std::pair<Number, int>> kKinds[] = {
        {"i8", {Number::i8, 1}},
        {"i16", {Number::i16, 2}},
        {"i32", {Number::i32, 4}},
        {"i64", {Number::i64, 8}},
        {"u8", {Number::u8, 1}},
        {"u16", {Number::u16, 2}},
        {"u32", {Number::u32, 4}},
        {"u64", {Number::u64, 8}},
        {"f32", {Number::f32, 4}},
        {"f64", {Number::f64, 8}},
        {"decimal128", {Number::decimal128, 16}}};
    for (const auto& [name, what] : kKinds)
        if (kind == name)
            return one({rows, validity(bits, offset),
                        Numbers{what.first,
                                reinterpret_cast<const char*>(data) + offset * what.second, scale},
                        keep(std::move(owner))});
    throw std::invalid_argument("a kind of number: " + kind);
}

Column texts(const py::sequence& values, const std::string& table, const std::string& column) {
    OwnedTexts out;
    std::size_t row = 0;
    for (const auto& value : values) {
        out.nulls.push_back(value.is_none() ? 1 : 0);
        if (!value.is_none()) {
            if (!PyUnicode_Check(value.ptr()))
                ValuePlace{table, column, row}.refuse_type(value, "text");
            Py_ssize_t size = 0;
            const char* bytes = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
            if (bytes == nullptr) {
                PyErr_Clear();
                ValuePlace{table, column, row}.refuse(value, "is not valid Unicode");
            }
            out.bytes.append(bytes, static_cast<std::size_t>(size));
        }
        out.offsets.push_back(static_cast<std::int64_t>(out.bytes.size()));
        ++row;
    }
    return one({row, {}, std::move(out), nullptr});
}

constexpr const char* kNumber = "a number: int, Decimal, float, str or a number of NumPy";

// The text of a value that is neither text nor float. Uses the base type's digits, because a
// subclass may write anything. Returns null if the type is not a number.
py::object number_text(const py::handle& value) {
    struct Types {
        py::object decimal;
        py::object text_of_decimal;
        py::object text_of_scalar;
    };
    PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<Types> once;
    const auto& [decimal_type, text_of_decimal, text_of_scalar] = stored(once, [] {
        py::object decimal = py::module_::import("decimal").attr("Decimal");
        return Types{decimal, decimal.attr("__str__"),
                     py::module_::import("mvcore.ingest.columns").attr("text_of_scalar")};
    });
    PyObject* p = value.ptr();
    if (PyBool_Check(p)) return {};
    if (PyLong_Check(p)) return py::reinterpret_steal<py::object>(PyLong_Type.tp_repr(p));
    if (py::isinstance(value, decimal_type)) return text_of_decimal(value);
    py::object text = text_of_scalar(value);
    return text.is_none() ? py::object() : text;
}

// Returns null if the value has another type than plain_decimal() takes.
std::optional<DecimalResult> plain_number(const py::handle& value) {
    PyObject* p = value.ptr();
    if (PyFloat_Check(p)) return decimal_of(PyFloat_AS_DOUBLE(p));
    if (PyLong_CheckExact(p)) {
        int overflow = 0;
        const long long small = PyLong_AsLongLongAndOverflow(p, &overflow);
        if (overflow == 0) return make_decimal(small, 0);
        return std::nullopt;
    }
    PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::object> once;
    const py::object& decimal_type =
        stored(once, [] { return py::object(py::module_::import("decimal").attr("Decimal")); });
    py::object text;
    if (PyUnicode_CheckExact(p)) text = py::reinterpret_borrow<py::object>(value);
    else if (Py_IS_TYPE(p, reinterpret_cast<PyTypeObject*>(decimal_type.ptr())))
        text = py::reinterpret_steal<py::object>(PyObject_Str(p));
    else return std::nullopt;
    Py_ssize_t size = 0;
    const char* bytes = text ? PyUnicode_AsUTF8AndSize(text.ptr(), &size) : nullptr;
    if (bytes != nullptr) return parse_decimal({bytes, static_cast<std::size_t>(size)});
    PyErr_Clear();
    return std::nullopt;
}

// Accepts exactly these types as numbers: str, float, int and Decimal with their subclasses, and
// NumPy's integers and floats.
Decimal decimal_of_object(const py::handle& value, const ValuePlace& place) {
    auto result = plain_number(value);
    if (!result) {
        const auto text = PyUnicode_Check(value.ptr()) ? py::reinterpret_borrow<py::object>(value)
                                                       : number_text(value);
        if (!text) {
            if (PyErr_Occurred() == nullptr) place.refuse_type(value, kNumber);
            PyErr_Clear();  // Python refuses the text of an int with thousands of digits
            place.refuse(value, describe(DecimalFault::too_many_digits));
        }
        Py_ssize_t size = 0;
        const char* bytes = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
        if (bytes == nullptr) {
            PyErr_Clear();
            place.refuse(value, "is not valid Unicode");
        }
        result = parse_decimal({bytes, static_cast<std::size_t>(size)});
    }
    if (!*result) place.refuse(value, describe(result->fault));
    return result->value;
}

Column decimals(const py::sequence& values, const std::string& table, const std::string& column) {
    OwnedDecimals out;
    ValuePlace place{table, column, 0};
    std::size_t row = 0;
    for (const auto& value : values) {
        const bool null = value.is_none();
        place.row = row;
        out.values.push_back(null ? Decimal{} : decimal_of_object(value, place));
        out.nulls.push_back(null ? 1 : 0);
        ++row;
    }
    return one({row, {}, std::move(out), nullptr});
}

Column flags(const py::array_t<std::int8_t, py::array::c_style>& values) {
    if (values.ndim() != 1) refuse_argument("flags: expected an array of one dimension");
    return one({static_cast<std::size_t>(values.size()),
                {},
                OwnedFlags{{values.data(), values.data() + values.size()}},
                nullptr});
}

}  // namespace

bool plain_decimal(const py::handle& value, Decimal& out) {
    const auto result = plain_number(value);
    if (!result || !*result) return false;
    out = result->value;
    return true;
}

void add_columns(py::module_& m) {
    py::class_<Column>(m, "Column")
        .def(py::init<>())
        .def_static("utf8", &utf8<std::int32_t>, py::arg("rows"), py::arg("bits"),
                    py::arg("offset"), py::arg("offsets"), py::arg("bytes"), py::arg("owner"))
        .def_static("large_utf8", &utf8<std::int64_t>, py::arg("rows"), py::arg("bits"),
                    py::arg("offset"), py::arg("offsets"), py::arg("bytes"), py::arg("owner"))
        .def_static("dictionary", &dictionary, py::arg("rows"), py::arg("bits"), py::arg("offset"),
                    py::arg("indices"), py::arg("bytes"), py::arg("is_signed"), py::arg("texts"),
                    py::arg("owner"))
        .def_static("numbers", &numbers, py::arg("kind"), py::arg("rows"), py::arg("bits"),
                    py::arg("offset"), py::arg("data"), py::arg("scale"), py::arg("owner"))
        .def_static("texts", &texts, py::arg("values"), py::arg("table"), py::arg("column"))
        .def_static("decimals", &decimals, py::arg("values"), py::arg("table"), py::arg("column"))
        .def_static("flags", &flags, py::arg("values"))
        .def(
            "extend",
            [](Column& self, const Column& more) {
                self.chunks.insert(self.chunks.end(), more.chunks.begin(), more.chunks.end());
            },
            py::arg("more"))
        .def("__len__", &Column::rows);
    // Returns the mantissa (as an int) and the scale of one value.
    m.def(
        "parse_decimal",
        [](const py::object& value, const std::string& table, const std::string& column) {
            const auto d = decimal_of_object(value, {table, column, std::nullopt});
            return py::make_tuple(py::int_(py::str(format_decimal(d.mantissa, 0))), d.scale);
        },
        py::arg("value"), py::arg("table"), py::arg("column"));
}

}  // namespace mvcore::bindings
