// Python values to columns. Values of Python objects are copied out here, before any lock is
// taken, since reading them may run Python code.
#include <cmath>

#include "../errors.hpp"
#include "../text/column.hpp"
#include "parts.hpp"

namespace mvcore::bindings {
namespace {

using namespace mvcore::text;

std::string quoted(const py::handle& value) {
    const auto text = py::reinterpret_steal<py::object>(PyObject_Repr(value.ptr()));
    if (!text) {  // an int of thousands of digits has no text
        PyErr_Clear();
        return "a value without a text";
    }
    const auto bytes = py::reinterpret_steal<py::bytes>(
        PyUnicode_AsEncodedString(text.ptr(), "utf-8", "backslashreplace"));
    std::string out = bytes;
    if (out.size() > 100) out = out.substr(0, 97) + "...";
    return out;
}

std::shared_ptr<const void> keep(py::object owner) {
    return {new py::object(std::move(owner)), [](const void* p) {
                const py::gil_scoped_acquire gil;
                delete static_cast<const py::object*>(p);
            }};
}

Validity validity(std::uintptr_t bits, std::int64_t offset) {
    return {reinterpret_cast<const std::uint8_t*>(bits), offset};
}

Column one(Chunk chunk) {
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
    // The texts' buffers live as long as the owner, which holds both arrays.
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
    const Place place{table, column};
    OwnedTexts out;
    std::size_t row = 0;
    for (const auto& value : values) {
        out.nulls.push_back(value.is_none() ? 1 : 0);
        if (!value.is_none()) {
            if (!PyUnicode_Check(value.ptr())) place.refuse(row, quoted(value), "is not text");
            Py_ssize_t size = 0;
            const char* bytes = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
            if (bytes == nullptr) {
                PyErr_Clear();
                place.refuse(row, quoted(value), "is not valid Unicode");
            }
            out.bytes.append(bytes, static_cast<std::size_t>(size));
        }
        out.offsets.push_back(static_cast<std::int64_t>(out.bytes.size()));
        ++row;
    }
    return one({row, {}, std::move(out), nullptr});
}

// str, int, Decimal, float and NumPy scalars; the text of anything that is a number but none of
// these is read.
DecimalResult decimal_of_object(const py::handle& value) {
    PyObject* p = value.ptr();
    if (PyFloat_Check(p)) return decimal_of(PyFloat_AS_DOUBLE(p));
    if (PyBool_Check(p)) return {{}, DecimalFault::syntax};
    if (PyLong_CheckExact(p)) {
        int overflow = 0;
        const long long small = PyLong_AsLongLongAndOverflow(p, &overflow);
        if (overflow == 0) return make_decimal(small, 0);
    }
    // Never freed: the interpreter is gone before statics are.
    static const auto& decimal_type =
        *new py::object(py::module_::import("decimal").attr("Decimal"));
    static const auto& number_type = *new py::object(py::module_::import("numpy").attr("number"));
    py::object text;
    if (PyUnicode_Check(p)) text = py::reinterpret_borrow<py::object>(value);
    else if (PyLong_Check(p) || py::isinstance(value, decimal_type) ||
             py::isinstance(value, number_type))
        text = py::reinterpret_steal<py::object>(PyObject_Str(p));
    else return {{}, DecimalFault::syntax};
    if (!text) {
        PyErr_Clear();
        return {{}, DecimalFault::too_many_digits};
    }
    Py_ssize_t size = 0;
    const char* bytes = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (bytes == nullptr) {
        PyErr_Clear();
        return {{}, DecimalFault::syntax};
    }
    return parse_decimal({bytes, static_cast<std::size_t>(size)});
}

Column decimals(const py::sequence& values, const std::string& table, const std::string& column) {
    const Place place{table, column};
    OwnedDecimals out;
    std::size_t row = 0;
    for (const auto& value : values) {
        const bool null = value.is_none();
        const auto result = null ? DecimalResult{} : decimal_of_object(value);
        if (!result) place.refuse(row, quoted(value), describe(result.fault));
        out.values.push_back(result.value);
        out.nulls.push_back(null ? 1 : 0);
        ++row;
    }
    return one({row, {}, std::move(out), nullptr});
}

}  // namespace

void add_columns(py::module_& m) {
    py::class_<Column>(m, "Column")
        .def(py::init<>())
        .def_static("utf8", &utf8<std::int32_t>)
        .def_static("large_utf8", &utf8<std::int64_t>)
        .def_static("dictionary", &dictionary)
        .def_static("numbers", &numbers)
        .def_static("texts", &texts)
        .def_static("decimals", &decimals)
        .def("extend",
             [](Column& self, const Column& more) {
                 self.chunks.insert(self.chunks.end(), more.chunks.begin(), more.chunks.end());
             })
        .def("__len__", &Column::rows);
    // mantissa (as an int) and scale of one value.
    m.def("parse_decimal", [](const py::object& value, const std::string& what) {
        const auto d = decimal_of_object(value);
        if (!d)
            throw Error(ErrorKind::invalid_input,
                        what + " " + quoted(value) + " " + describe(d.fault));
        return py::make_tuple(py::int_(py::str(format_decimal(d.value.mantissa, 0))),
                              d.value.scale);
    });
}

}  // namespace mvcore::bindings
