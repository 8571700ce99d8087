// Passes the user's valuation functions to the core.
#include "mvcore/bindings/parts.hpp"

namespace mvcore::bindings {
namespace {

using Doubles = py::array_t<double, py::array::c_style | py::array::forcecast>;

UserFunction to_function(std::uintptr_t address, int quantity, std::vector<std::int32_t> constants,
                         const std::vector<Doubles>& attributes) {
    UserFunction function;
    function.callback = reinterpret_cast<Callback>(address);  // NOLINT(performance-no-int-to-ptr)
    function.quantity = static_cast<Measure>(quantity);
    function.constants = std::move(constants);
    for (const auto& values : attributes)
        function.attributes.emplace_back(values.data(), values.data() + values.size());
    return function;
}

}  // namespace

void add_functions(py::module_& m) {
    // The Python object that created it keeps the compiled functions alive.
    py::class_<UserFunctions, Functions>(m, "Functions")
        .def(py::init<>())
        .def("__len__", &UserFunctions::size)
        // `constants`: the source of each constant (UserFunction::ConstantSource); values from 3 on
        // are indices into `attributes`.
        .def(
            "add",
            [](UserFunctions& functions, std::uintptr_t address, int quantity,
               std::vector<std::int32_t> constants, const std::vector<Doubles>& attributes) {
                functions.push_back(
                    to_function(address, quantity, std::move(constants), attributes));
            },
            py::arg("address"), py::arg("quantity"), py::arg("constants"), py::arg("attributes"));
}

}  // namespace mvcore::bindings
