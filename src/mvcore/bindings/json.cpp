// Rows as JSON, and the texts of codes that they need.
#include "mvcore/base/json_rows.hpp"

#include "mvcore/base/code_texts.hpp"
#include "mvcore/bindings/parts.hpp"
#include "mvcore/book/name_texts.hpp"

namespace mvcore::bindings {
namespace {

std::string_view utf8_of(const py::handle& text) {
    py::ssize_t size = 0;
    const char* const data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (data == nullptr) throw py::error_already_set();
    return {data, static_cast<std::size_t>(size)};
}

py::object to_str(std::string_view text) {
    PyObject* const out =
        PyUnicode_DecodeUTF8(text.data(), static_cast<py::ssize_t>(text.size()), nullptr);
    if (out == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(out);
}

std::shared_ptr<LabelTexts> label_texts(const py::sequence& labels) {
    auto out = std::make_shared<LabelTexts>();
    for (const auto& label : labels) out->add(utf8_of(label));
    return out;
}

const Names& names_of_side(const Vocabulary& names, const std::string& side) {
    return side == "account"      ? names.accounts
           : side == "instrument" ? names.instruments
                                  : names.currencies;
}

using Bytes = py::array_t<std::uint8_t, py::array::c_style>;

// The rows and the arrays of their columns.
class PyJsonRows {
public:
    explicit PyJsonRows(std::size_t rows) : rows_(rows) {}

    void add_names(const Codes& codes, std::shared_ptr<CodeTexts> texts) {
        check(codes, codes.size());
        rows_.add(JsonRows::Names{span_of(codes), std::move(texts)});
    }
    void add_decimals(const Times& values, int scale, bool strip, const py::object& valid) {
        if (scale < 0 || scale > kMaxAmountDigits) refuse_argument("scale: out of range");
        const bool wide = values.ndim() == 2 && values.shape(1) == 2;
        check(values, wide ? values.shape(0) : values.size(), wide ? 2 : 1);
        JsonRows::Decimals column{span_of(values), scale, strip, {}};
        if (!valid.is_none()) {
            const auto mask = py::cast<Bytes>(valid);
            check(mask, mask.size());
            column.valid = span_of(mask);
        }
        rows_.add(column);
    }
    void add_integers(const Times& values) {
        check(values, values.size());
        rows_.add(JsonRows::Integers{span_of(values)});
    }
    void add_flags(const Bytes& values) {
        check(values, values.size());
        rows_.add(JsonRows::Flags{span_of(values)});
    }
    void add_json(const py::sequence& values) {
        if (values.size() != rows_.rows()) refuse_rows();
        rows_.add(JsonRows::Json{label_texts(values)});
    }
    [[nodiscard]] py::list lines() const {
        std::string text;
        std::vector<std::size_t> ends;
        {
            const Unlocked unlocked;
            rows_.write(text, ends);
        }
        py::list out(ends.size());
        std::size_t begin = 0;
        for (std::size_t row = 0; row < ends.size(); ++row) {
            out[row] = to_str(std::string_view(text).substr(begin, ends[row] - begin));
            begin = ends[row];
        }
        return out;
    }

private:
    [[noreturn]] static void refuse_rows() {
        refuse_argument("the column has another number of rows");
    }
    // Keeps the array, which must have one item for each row.
    template <class Array>
    void check(const Array& array, py::ssize_t size, py::ssize_t dimensions = 1) {
        if (array.ndim() != dimensions || size != py::ssize_t(rows_.rows())) refuse_rows();
        owners_.append(array);
    }
    template <class T, int Flags>
    static std::span<const T> span_of(const py::array_t<T, Flags>& array) {
        return {array.data(), static_cast<std::size_t>(array.size())};
    }

    JsonRows rows_;
    py::list owners_;
};

}  // namespace

void add_json(py::module_& m) {
    // Texts by code.
    py::class_<CodeTexts, std::shared_ptr<CodeTexts>>(m, "CodeTexts")
        // The text of each code; None if the code is negative.
        .def(
            "of",
            [](const CodeTexts& texts, const Codes& codes) {
                if (codes.ndim() != 1) refuse_argument("codes: not one dimension");
                const std::vector<std::int32_t> wanted(codes.data(), codes.data() + codes.size());
                std::vector<std::string_view> found;
                found.reserve(wanted.size());
                unlocked([&] { texts.append_to(found, wanted); });
                py::list out(found.size());
                for (std::size_t k = 0; k < found.size(); ++k)
                    out[k] = found[k].data() == nullptr ? py::none() : to_str(found[k]);
                return out;
            },
            py::arg("codes"));
    m.def(
        "label_texts",
        [](const py::sequence& labels) -> std::shared_ptr<CodeTexts> {
            return label_texts(labels);
        },
        py::arg("labels"));
    // The names of one side: "account", "instrument" or "currency".
    m.def(
        "name_texts",
        [](std::shared_ptr<Reader> reader, const std::string& side) -> std::shared_ptr<CodeTexts> {
            const Names& names = names_of_side(reader->names(), side);
            return std::make_shared<NameTexts>(std::move(reader), names);
        },
        py::arg("reader"), py::arg("side"));
    py::class_<PyJsonRows>(m, "JsonRows")
        .def(py::init<std::size_t>(), py::arg("rows"))
        .def("add_names", &PyJsonRows::add_names, py::arg("codes"), py::arg("texts"))
        .def("add_decimals", &PyJsonRows::add_decimals, py::arg("values"), py::arg("scale"),
             py::arg("strip"), py::arg("valid"))
        .def("add_integers", &PyJsonRows::add_integers, py::arg("values"))
        .def("add_flags", &PyJsonRows::add_flags, py::arg("values"))
        .def("add_json", &PyJsonRows::add_json, py::arg("values"))
        // The JSON array of each row. Made without the GIL.
        .def("lines", &PyJsonRows::lines);
}

}  // namespace mvcore::bindings
