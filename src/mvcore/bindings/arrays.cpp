// Converts decimals for Python: integers of shape (n), or 128-bit integers of shape (n, 2), to
// Decimal objects and NumPy numbers.
#include <algorithm>

#include "mvcore/base/decimal.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/base/sort_order.hpp"
#include "mvcore/bindings/parts.hpp"

namespace mvcore::bindings {
namespace {

using Integers = py::array_t<std::int64_t, py::array::c_style>;
using Mask = py::array_t<std::uint8_t, py::array::c_style | py::array::forcecast>;

struct Values {
    Values(const Integers& array, const py::object& valid) : array_(array) {
        if (!narrow() && (array.ndim() != 2 || array.shape(1) != 2))
            throw std::invalid_argument("shape (n) or (n, 2)");
        if (valid.is_none()) return;
        mask_ = py::cast<Mask>(valid);
        if (mask_.ndim() != 1 || mask_.size() != size())
            throw std::invalid_argument("the mask has not as many rows as the array");
    }
    [[nodiscard]] bool narrow() const { return array_.ndim() == 1; }
    [[nodiscard]] py::ssize_t size() const { return array_.shape(0); }
    [[nodiscard]] bool null(py::ssize_t k) const {
        return mask_.size() != 0 && mask_.data()[k] == 0;
    }
    i128 operator[](py::ssize_t k) const {
        if (narrow()) return array_.data()[k];
        const std::int64_t* words = array_.data() + 2 * k;
        return static_cast<i128>(static_cast<u128>(static_cast<u128>(words[1]) << 64) |
                                 static_cast<std::uint64_t>(words[0]));
    }

private:
    const Integers& array_;
    Mask mask_{0};
};

// `strip`: without trailing zeros, as for quantities and prices.
py::list to_decimals(const Integers& array, int scale, bool strip, const py::object& valid) {
    const Values values(array, valid);
    PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::object> once;
    PyObject* const type = stored(once, [] {
                               return py::object(py::module_::import("decimal").attr("Decimal"));
                           }).ptr();
    py::list out(static_cast<std::size_t>(values.size()));
    char text[64];
    for (py::ssize_t k = 0; k < values.size(); ++k) {
        if (values.null(k)) {
            out[static_cast<std::size_t>(k)] = py::none();
            continue;
        }
        i128 mantissa = values[k];
        int decimals = scale;
        if (strip) strip_zeros(mantissa, decimals);
        const int n = format_decimal(mantissa, decimals, text);
        const auto string =
            py::reinterpret_steal<py::object>(PyUnicode_DecodeASCII(text, n, nullptr));
        PyObject* decimal = PyObject_CallOneArg(type, string.ptr());
        if (decimal == nullptr) throw py::error_already_set();
        PyList_SET_ITEM(out.ptr(), k, decimal);
    }
    return out;
}

py::array_t<double> to_float64(const Integers& array, int scale, const py::object& valid) {
    const Values values(array, valid);
    std::vector<double> out(static_cast<std::size_t>(values.size()));
    for (py::ssize_t k = 0; k < values.size(); ++k)
        out[static_cast<std::size_t>(k)] =
            values.null(k) ? std::numeric_limits<double>::quiet_NaN() : to_double(values[k], scale);
    return to_array(std::move(out));
}

py::array_t<std::int64_t> to_int64(const Integers& array) {
    const Values values(array, py::none());
    if (values.narrow()) return array;
    std::vector<std::int64_t> out(static_cast<std::size_t>(values.size()));
    for (py::ssize_t k = 0; k < values.size(); ++k) {
        const i128 v = values[k];
        out[static_cast<std::size_t>(k)] = static_cast<std::int64_t>(v);
        if (v != out[static_cast<std::size_t>(k)])
            throw InputError(ErrorKind::value_overflow, "to_numpy", "", static_cast<std::size_t>(k),
                             format_decimal(v, 0) + " does not fit 64 bits", format_decimal(v, 0));
    }
    return to_array(std::move(out));
}

// The numbers times 10^decimals, as 128-bit integers.
py::array rescaled(const Integers& array, int decimals) {
    const Values values(array, py::none());
    if (!values.narrow() || decimals < 0 || decimals > kMaxScale)
        throw std::invalid_argument("not 64 bits, or not 0 to 18 decimals");
    std::vector<i128> out;
    for (py::ssize_t k = 0; k < values.size(); ++k)
        out.push_back(values[k] * kPow10[std::size_t(decimals)]);
    return to_array(std::move(out));
}

// Rescales the numbers to the last decimal that any of them needs. Returns 128-bit integers, the
// number of digits of the largest, and the scale. A null counts as 0.
py::tuple narrowed(const Integers& array, int scale, const py::object& valid) {
    const Values values(array, valid);
    std::vector<i128> out;
    int zeros = scale;  // number of trailing zeros that all numbers share
    for (py::ssize_t k = 0; k < values.size(); ++k) {
        out.push_back(values.null(k) ? i128{0} : values[k]);
        while (zeros > 0 && out.back() % kPow10[std::size_t(zeros)] != 0) --zeros;
    }
    u128 largest = 0;
    for (auto& value : out) {
        value /= kPow10[std::size_t(zeros)];
        largest = std::max(largest, magnitude(value));
    }
    std::size_t digits = 1;
    while (digits < kPow10.size() && largest >= static_cast<u128>(kPow10[digits])) ++digits;
    return py::make_tuple(to_array(std::move(out)), digits, scale - zeros);
}

py::array sort_order_of(const std::vector<Codes>& keys) {
    std::vector<std::vector<std::int32_t>> copies;  // another thread may write the arrays
    for (const auto& key : keys) {
        if (key.ndim() != 1 || key.size() != keys[0].size())
            throw std::invalid_argument("keys of different lengths");
        copies.emplace_back(key.data(), key.data() + key.size());
    }
    if (copies.empty()) throw std::invalid_argument("no key");
    return to_array(unlocked([&] {
        const std::vector<std::span<const std::int32_t>> columns(copies.begin(), copies.end());
        return sort_order(columns);
    }));
}

}  // namespace

void add_arrays(py::module_& m) {
    m.def("to_decimals", &to_decimals, py::arg("array"), py::arg("scale"), py::arg("strip"),
          py::arg("valid"));
    m.def("to_float64", &to_float64, py::arg("array"), py::arg("scale"), py::arg("valid"));
    // The indices that sort rows by the keys, of int32, the first one first.
    m.def("sort_order", &sort_order_of, py::arg("keys"));
    m.def("rescaled", &rescaled, py::arg("array"), py::arg("decimals"));
    m.def("to_int64", &to_int64, py::arg("array"));
    m.def("narrowed", &narrowed, py::arg("array"), py::arg("scale"), py::arg("valid"));
}

}  // namespace mvcore::bindings
