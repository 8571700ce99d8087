#include <cstddef>

#include "mvcore/bindings/parts.hpp"
#include "mvcore/capi/capi.hpp"
#include "mvcore/kernels/kernels.hpp"

PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
    using namespace mvcore::bindings;
    m.doc() = "The compiled core of mvcore; use it through the package.";
    add_errors(m);
    add_constants(m);
    add_columns(m);
    add_arrays(m);
    add_functions(m);
    add_reads(m);
    add_book(m);
    add_lookups(m);
    add_pages(m);
    add_json(m);
    add_views(m);
    add_durable(m);
    add_store(m);
    add_restore(m);
    m.def("isa", [] { return mvcore::kernels::table().isa; });
    m.def("isas", [] {  // those that this CPU can run
        std::vector<std::string> names;
        for (const char* isa : {"baseline", "avx2", "avx512"})
            if (mvcore::kernels::of_this_cpu(isa) != nullptr) names.emplace_back(isa);
        return names;
    });
    mvcore::kernels::table();  // an invalid MVCORE_ISA fails at import
    // Offsets in bytes of the functions that numba calls, from the beginning of the table.
    py::dict places;
    places["tick_scaled"] = offsetof(mvcore_capi, tick_scaled);
    places["value_scaled"] = offsetof(mvcore_capi, value_scaled);
    m.attr("_C_PLACES") = places;
    m.attr("_C_API") = py::capsule(mvcore::capi::table(), "mvcore._core._C_API");
}
