#include "../embed/capi.hpp"
#include "../kernels/kernels.hpp"
#include "parts.hpp"

PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
    using namespace mvcore::bindings;
    m.doc() = "The compiled core of mvcore; use it through the package.";
    add_errors(m);
    add_columns(m);
    add_arrays(m);
    add_book(m);
    m.def("isa", [] { return mvcore::kernels::table().isa; });
    mvcore::kernels::table();  // a wrong MVCORE_ISA is refused at import
    m.attr("_C_API") = py::capsule(mvcore::embed::table(), "mvcore._core._C_API");
}
