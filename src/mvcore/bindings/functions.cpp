// Passes the user's valuation functions to the core.
#include "mvcore/bindings/parts.hpp"

namespace mvcore::bindings {
namespace {

using Doubles = py::array_t<double, py::array::c_style | py::array::forcecast>;

MeasureCall to_call(std::uintptr_t address, int quantity, std::vector<std::int32_t> constants,
                    const std::vector<Doubles>& attributes) {
    MeasureCall call;
    call.callback = reinterpret_cast<Callback>(address);  // NOLINT(performance-no-int-to-ptr)
    call.quantity = static_cast<Measure>(quantity);
    call.constants = std::move(constants);
    for (const auto& values : attributes)
        call.attributes.emplace_back(values.data(), values.data() + values.size());
    return call;
}

}  // namespace

void add_functions(py::module_& m) {
    // The Python object that created it keeps the compiled functions alive.
    py::class_<MeasureCalls, Functions>(m, "Functions")
        .def(py::init<>())
        .def("__len__", &MeasureCalls::size)
        // `constants`: the source of each constant (MeasureCall::Source); values from 3 on are
        // indices into `attributes`.
        .def(
            "add",
            [](MeasureCalls& calls, std::uintptr_t address, int quantity,
               std::vector<std::int32_t> constants, const std::vector<Doubles>& attributes) {
                calls.push_back(to_call(address, quantity, std::move(constants), attributes));
            },
            py::arg("address"), py::arg("quantity"), py::arg("constants"), py::arg("attributes"));
}

}  // namespace mvcore::bindings
