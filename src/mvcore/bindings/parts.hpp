// The parts of the extension module, and what they share.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "../book.hpp"
#include "../text/tables.hpp"

PYBIND11_MAKE_OPAQUE(mvcore::MeasureCalls)

namespace mvcore::bindings {

namespace py = pybind11;

void add_errors(py::module_& m);
void add_columns(py::module_& m);
void add_arrays(py::module_& m);
void add_reads(py::module_& m);
void add_lookups(py::module_& m);
void add_book(py::module_& m);
void add_functions(py::module_& m);
void add_views(py::module_& m);
void add_durable(py::module_& m);
void add_store(py::module_& m);
void add_restore(py::module_& m);

// Releases the GIL. A daemon thread that comes back when the interpreter is gone is unwound from
// here, which pybind11's own class, whose destructor may not throw, would turn into an abort.
class Unlocked {
public:
    Unlocked() : state_(PyEval_SaveThread()) {}
    ~Unlocked() noexcept(false) { PyEval_RestoreThread(state_); }
    Unlocked(const Unlocked&) = delete;
    Unlocked& operator=(const Unlocked&) = delete;

private:
    PyThreadState* state_;
};

// f(arguments...) without the GIL. What it returns is made of no Python objects: those are made
// with no lock held, since making one may run a finalizer that asks for it.
template <class F, class... Arguments>
auto unlocked(F&& f, Arguments&&... arguments) {
    const Unlocked free;
    return f(std::forward<Arguments>(arguments)...);
}

// Holds the book's lock for a short read; waits for it without the GIL.
class ShortReading {
public:
    explicit ShortReading(Reader& reader) : lock_(reader.lock()) {
        while (!lock_.try_read()) {  // never wait for the GIL with the lock held
            const Unlocked unlocked;
            lock_.read();
            lock_.end_read();
        }
    }
    ~ShortReading() { lock_.end_read(); }
    ShortReading(const ShortReading&) = delete;
    ShortReading& operator=(const ShortReading&) = delete;

private:
    Lock& lock_;
};

// The vector becomes the array's memory: nothing is copied. Integers of 128 bits are an array of
// shape (n, 2): low and high words.
template <class T, class A>
auto to_array(std::vector<T, A>&& values) {
    using V = std::vector<T, A>;
    using Item = std::conditional_t<std::is_same_v<T, i128>, std::int64_t, T>;
    auto* held = new V(std::move(values));
    const py::capsule owner(held, [](void* p) { delete static_cast<V*>(p); });
    std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(held->size())};
    if (std::is_same_v<T, i128>) shape.push_back(2);
    return py::array_t<Item>(shape, reinterpret_cast<const Item*>(held->data()), owner);
}

using Codes = py::array_t<std::int32_t, py::array::c_style | py::array::forcecast>;

inline std::vector<std::int32_t> to_codes(const py::object& codes) {
    if (codes.is_none()) return {};
    const auto array = py::cast<Codes>(codes);
    return {array.data(), array.data() + array.size()};
}

Grouping to_grouping(const py::object& accounts, std::uint32_t account_groups,
                     const py::object& instruments, std::uint32_t instrument_groups);
std::vector<std::vector<std::int32_t>> to_levels(const std::vector<Codes>& levels);
Measures to_measures(const std::vector<int>& measures);
// Functions of the user's with what they need of one state of the master tables; None: none.
using Functions = std::shared_ptr<MeasureCalls>;
text::Tables to_tables(const py::dict& given);

// Numbers by name, in order.
using Counts = std::vector<std::pair<const char*, std::uint64_t>>;
inline Counts to_counts(const Dropped& d) {
    return {{"late_prices", d.late_prices},
            {"late_orders", d.late_orders},
            {"late_fx", d.late_fx},
            {"unchanged_orders", d.unchanged_orders},
            {"skipped_prices", d.skipped_prices}};
}
// The epoch, and None or a dict of what was dropped.
inline py::tuple to_tuple(const Written& w) {
    if (!w.dropped.any()) return py::make_tuple(w.epoch, py::none());
    py::dict dropped;
    for (const auto& [name, count] : to_counts(w.dropped))
        if (count != 0) dropped[name] = count;
    return py::make_tuple(w.epoch, dropped);
}

}  // namespace mvcore::bindings
