// The one place where errors of the core become Python exceptions.
#include "../errors.hpp"
#include "parts.hpp"

namespace mvcore::bindings {
namespace {

py::object class_of(ErrorKind kind) {
    const char* name = "Error";
    switch (kind) {
        case ErrorKind::unknown_id: name = "UnknownId"; break;
        case ErrorKind::invalid_input: name = "InvalidInput"; break;
        case ErrorKind::value_overflow: name = "ValueOverflow"; break;
        case ErrorKind::closed: name = "ClosedError"; break;
        case ErrorKind::corrupt_data: name = "CorruptData"; break;
        case ErrorKind::storage: name = "StorageError"; break;
    }
    return py::module_::import("mvcore.errors").attr(name);
}

// A message may quote bytes that are no UTF-8.
py::object text_of(const Error& e) {
    return py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(
        e.what(), static_cast<py::ssize_t>(std::char_traits<char>::length(e.what())),
        "backslashreplace"));
}

}  // namespace

void add_errors(py::module_&) {
    py::register_exception_translator([](std::exception_ptr p) {
        try {
            if (p) std::rethrow_exception(p);
        } catch (const RowOverflow& e) {
            py::object error = class_of(e.kind())(e.what());
            error.attr("place") = py::make_tuple(e.view, e.row, e.column);
            PyErr_SetObject(class_of(e.kind()).ptr(), error.ptr());
        } catch (const InputError& e) {
            py::object error = class_of(e.kind())(text_of(e));
            error.attr("at")(e.table, e.column, e.row);
            PyErr_SetObject(class_of(e.kind()).ptr(), error.ptr());
        } catch (const Error& e) {
            PyErr_SetObject(class_of(e.kind()).ptr(), text_of(e).ptr());
        }
    });
}

}  // namespace mvcore::bindings
