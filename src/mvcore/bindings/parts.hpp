// The parts of the extension module, and helpers that they share.
#pragma once

#include <pybind11/gil_safe_call_once.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "mvcore/base/tuning.hpp"
#include "mvcore/book/book.hpp"
#include "mvcore/ingest/tables.hpp"

PYBIND11_MAKE_OPAQUE(mvcore::UserFunctions)

namespace mvcore::bindings {

namespace py = pybind11;

void add_errors(py::module_& m);
void add_constants(py::module_& m);
void add_columns(py::module_& m);
void add_arrays(py::module_& m);
void add_reads(py::module_& m);
void add_lookups(py::module_& m);
void add_book(py::module_& m);
void add_functions(py::module_& m);
void add_pages(py::module_& m);
void add_json(py::module_& m);
void add_views(py::module_& m);
void add_durable(py::module_& m);
void add_store(py::module_& m);
void add_restore(py::module_& m);
void add_small_tables(py::class_<Book, std::shared_ptr<Book>, Reader>& book);

// Releases the GIL. A daemon thread that returns after the interpreter has ended is unwound from
// here. pybind11's own class has a destructor that may not throw, so it would abort instead.
class Unlocked {
public:
    Unlocked() : state_(PyEval_SaveThread()) {}
    ~Unlocked() noexcept(false) { PyEval_RestoreThread(state_); }
    Unlocked(const Unlocked&) = delete;
    Unlocked& operator=(const Unlocked&) = delete;

private:
    PyThreadState* state_;
};

// Calls f(arguments...) without the GIL. Its result must contain no Python objects. Those are
// created with no lock held, since creating one may run a finalizer that asks for a lock.
template <class F, class... Arguments>
auto unlocked(F&& f, Arguments&&... arguments) {
    const Unlocked free;
    return f(std::forward<Arguments>(arguments)...);
}

// Destroys without the GIL, because destruction may flush, join a thread or free gigabytes. The
// caller holds the GIL, or is a thread that never had it.
template <class F>
void destroy_unlocked(F&& destroy) {
    if (PyGILState_Check() == 0) return destroy();
    const Unlocked free;
    destroy();
}

// Caches the result of the first make(). With a static initializer that imports, one thread could
// wait for the GIL while the thread that holds it waits for the static. Never freed, because the
// interpreter ends before statics are destroyed.
template <class T, class Make>
const T& stored(py::gil_safe_call_once_and_store<T>& once, Make&& make) {
    return once.call_once_and_store_result(std::forward<Make>(make)).get_stored();
}

using tuning::kLargeBytes;
template <class T>
bool large(const T&) {
    return true;
}
inline bool large(const ResultRows& f) { return f.size() * sizeof(i128) > kLargeBytes; }
inline bool large(const CombinedRows& r) { return r.size() * sizeof(i128) > kLargeBytes; }
inline bool large(const PositionList& p) { return p.size() * sizeof(i128) > kLargeBytes; }
inline bool large(const Revaluation& r) { return r.size() * sizeof(i128) > kLargeBytes; }

struct DeleteUnlocked {
    template <class T>
    void operator()(T* object) const {
        if (large(*object)) destroy_unlocked([&] { delete object; });
        else delete object;
    }
};

// Holds the book's lock for a short read. Waits for the lock without the GIL.
[[nodiscard]] inline Reading short_reading(Reader& reader) {
    Lock& lock = reader.lock();
    while (!lock.try_lock_shared()) {  // never wait for the GIL while holding the lock
        const Unlocked unlocked;
        const Reading waited(lock);
    }
    return Reading(lock, std::adopt_lock);
}

inline constexpr const char* kFromFills = "from_fills";

// Moves the vector into the array without copying. 128-bit integers become an array of shape (n,
// 2): low and high words.
template <class T, class A>
auto to_array(std::vector<T, A>&& values) {
    using V = std::vector<T, A>;
    using Item = std::conditional_t<std::is_same_v<T, i128>, std::int64_t, T>;
    auto* held = new V(std::move(values));
    const py::capsule owner(held, [](void* p) {
        auto* vector = static_cast<V*>(p);
        if (vector->capacity() * sizeof(T) <= kLargeBytes) delete vector;
        else destroy_unlocked([&] { delete vector; });
    });
    std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(held->size())};
    if (std::is_same_v<T, i128>) shape.push_back(2);
    return py::array_t<Item>(shape, reinterpret_cast<const Item*>(held->data()), owner);
}

// Accept only types that convert without loss: NumPy refuses others.
using Codes = py::array_t<std::int32_t, py::array::c_style>;
using Times = py::array_t<std::int64_t, py::array::c_style>;

[[noreturn]] void refuse_argument(const std::string& message);  // throws InvalidInput

// Throws if a code is not in [least, end).
std::vector<std::int32_t> to_codes(const Codes& codes, std::int64_t least, std::int64_t end,
                                   const char* what);

// accounts: groups by code, or a pair of ascending codes and their groups; None: each account is
// its own group. instruments: the same; None: all are in group 0; True: each is its own group.
Grouping to_grouping(const py::object& accounts, std::uint32_t account_groups,
                     const py::object& instruments, std::uint32_t instrument_groups);
// Currency codes by group of accounts and, of a roll-up, by row. None: amounts are in one currency,
// or in that of the instruments.
using OwnCurrencies = std::optional<std::pair<Codes, std::optional<Codes>>>;
std::shared_ptr<const GroupCurrencies> to_own(const OwnCurrencies& given, std::int32_t currency,
                                              std::size_t account_groups, std::size_t levels,
                                              std::size_t rows);
std::vector<std::vector<std::int32_t>> to_levels(const std::vector<Codes>& levels,
                                                 std::size_t rows);
Measures to_measures(const std::vector<int>& measures);
// The user's functions with the data they need from one version of the master tables. None: no
// functions.
using Functions = std::shared_ptr<UserFunctions>;
// A page, null for all rows. Throws if a column of it is not one of the results. `quantities`: how
// many quantities these have; null: neither quantities nor prices.
using Page = std::shared_ptr<ResultPage>;
// What rows have beside amounts: the numbers of the quantities, whether the price, and the first
// level of a roll-up that is of one instrument. None: neither quantities nor prices.
using InstrumentColumns = std::optional<std::tuple<std::vector<int>, bool, std::size_t>>;
std::optional<RowQuantities> to_quantities(const InstrumentColumns& columns);
Page checked_page(Page page, const Grouping& grouping, std::size_t levels, std::size_t measures,
                  std::size_t functions,
                  const std::optional<RowQuantities>& quantities = std::nullopt);
text::Tables to_tables(const py::dict& given);
// Converts a number of a plain type: float or a subclass, or exactly int, str or Decimal. Returns
// false if the value has another type or is no number that the core takes. Runs no Python code.
bool plain_decimal(const py::handle& value, Decimal& out);
// `cash`: "from_fills" or none. `scale`: none means the minor units of ISO 4217.
CashRule to_cash_rule(const std::optional<std::string>& cash, std::optional<int> scale);

// Pairs of name and number, in order.
using Counts = std::vector<std::pair<const char*, std::uint64_t>>;
inline Counts to_counts(const Dropped& d) {
    return {{"late_prices", d.late_prices},
            {"late_orders", d.late_orders},
            {"late_fx", d.late_fx},
            {"unchanged_orders", d.unchanged_orders},
            {"skipped_prices", d.skipped_prices}};
}
// Returns (epoch, None or a dict of the dropped rows).
inline py::tuple to_tuple(const Written& w) {
    if (!w.dropped.any()) return py::make_tuple(raw(w.epoch), py::none());
    py::dict dropped;
    for (const auto& [name, count] : to_counts(w.dropped))
        if (count != 0) dropped[name] = count;
    return py::make_tuple(raw(w.epoch), dropped);
}

}  // namespace mvcore::bindings
