// Translates errors of the core to Python exceptions. No other file does.
#include "mvcore/base/errors.hpp"
#include "mvcore/bindings/parts.hpp"

namespace mvcore::bindings {
namespace {

py::object class_of(ErrorKind kind) {
    return py::module_::import("mvcore.errors")
        .attr("ERROR_KINDS")[py::int_(static_cast<int>(kind))];
}

// A message may quote bytes that are not valid UTF-8.
py::object text_of(std::string_view text) {
    return py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(
        text.data(), static_cast<py::ssize_t>(text.size()), "backslashreplace"));
}

}  // namespace

void add_errors(py::module_&) {
    py::register_exception_translator([](std::exception_ptr p) {
        try {
            if (p) std::rethrow_exception(p);
        } catch (const RowOverflow& e) {
            py::object error = class_of(e.kind())(e.what());
            error.attr("place") =
                py::make_tuple(e.view, e.row, e.account_group, e.instrument_group, e.column);
            PyErr_SetObject(class_of(e.kind()).ptr(), error.ptr());
        } catch (const InputError& e) {
            py::object error = class_of(e.kind())(text_of(e.what()));
            const auto name = [](const std::string& text) {
                return text.empty() ? py::object(py::none()) : text_of(text);
            };
            const auto value = e.value ? text_of(*e.value) : py::object(py::none());
            error.attr("at")(name(e.table), name(e.column), e.row, value, text_of(e.reason));
            PyErr_SetObject(class_of(e.kind()).ptr(), error.ptr());
        } catch (const Error& e) {
            PyErr_SetObject(class_of(e.kind()).ptr(), text_of(e.what()).ptr());
        }
    });
}

}  // namespace mvcore::bindings
