// Views and result rows. Columns are created on demand.
#include <algorithm>
#include <functional>
#include <limits>
#include <optional>

#include "mvcore/base/errors.hpp"
#include "mvcore/bindings/parts.hpp"

namespace mvcore::bindings {

namespace {

// Groups by code; or a pair of the selected codes, which ascend, and their groups.
template <Code C>
void to_groups(const py::object& given, std::uint32_t count, std::vector<std::int32_t>& groups,
               std::optional<std::vector<C>>& codes, const char* what) {
    const bool pair = py::isinstance<py::tuple>(given);
    const auto parts = pair ? py::reinterpret_borrow<py::tuple>(given) : py::make_tuple(given);
    if (pair && parts.size() != 2) refuse_argument(std::string(what) + ": not a pair");
    groups = to_codes(py::cast<Codes>(parts[pair ? 1 : 0]), -1, count, what);
    if (!pair) return;
    const auto listed = to_codes(py::cast<Codes>(parts[0]), 0,
                                 std::numeric_limits<std::int32_t>::max(), "selected code");
    if (listed.size() != groups.size() ||
        std::adjacent_find(listed.begin(), listed.end(), std::greater_equal<>()) != listed.end())
        refuse_argument(std::string(what) + ": codes that do not ascend");
    codes.emplace();
    for (const auto code : listed) codes->push_back(C(code));
}

}  // namespace

Grouping to_grouping(const py::object& accounts, std::uint32_t account_groups,
                     const py::object& instruments, std::uint32_t instrument_groups) {
    Grouping g;
    g.account_groups = account_groups;
    g.instrument_groups = instrument_groups;
    g.accounts_listed = !accounts.is_none();
    if (g.accounts_listed)
        to_groups(accounts, account_groups, g.account_group, g.account_codes, "group of accounts");
    g.by_instrument = instruments.is(py::bool_(true));
    g.instruments_listed = !instruments.is_none() && !g.by_instrument;
    if (g.instruments_listed)
        to_groups(instruments, instrument_groups, g.instrument_group, g.instrument_codes,
                  "group of instruments");
    return g;
}

std::vector<std::vector<std::int32_t>> to_levels(const std::vector<Codes>& levels,
                                                 std::size_t rows) {
    std::vector<std::vector<std::int32_t>> out;
    for (const auto& level : levels)
        out.push_back(to_codes(level, -1, static_cast<std::int64_t>(rows), "row of a level"));
    return out;
}

void refuse_argument(const std::string& message) { throw Error(ErrorKind::invalid_input, message); }

std::vector<std::int32_t> to_codes(const Codes& codes, std::int64_t least, std::int64_t end,
                                   const char* what) {
    if (codes.ndim() != 1) refuse_argument(std::string(what) + ": not one dimension");
    // Copies first, because another thread may write the array.
    std::vector<std::int32_t> out(codes.data(), codes.data() + codes.size());
    for (const auto code : out)
        if (code < least || code >= end)
            refuse_argument(std::string(what) + " " + std::to_string(code) + " is out of range");
    return out;
}

namespace {

struct PyView {
    std::shared_ptr<Book> book;
    std::shared_ptr<View> view;

    ~PyView() { book->remove_view(view.get()); }
    PyView(std::shared_ptr<Book> b, std::shared_ptr<View> v)
        : book(std::move(b)), view(std::move(v)) {}
    PyView(const PyView&) = delete;
    PyView& operator=(const PyView&) = delete;

    // Returns None if the shape is stale.
    py::object read(bool everything) {
        ResultRows out;
        // Reads a small view without releasing the GIL: releasing it costs more than the read.
        bool ok = false;
        if (!book->try_read_view(*view, everything, out, ok)) {
            const Unlocked unlocked;
            ok = book->read_view(*view, everything, out);
        }
        return ok ? py::cast(std::move(out)) : py::none();
    }
    void reshape(const py::object& accounts, std::uint32_t account_groups,
                 const py::object& instruments, std::uint32_t instrument_groups,
                 const std::vector<Codes>& levels, std::size_t rows, std::uint64_t masters,
                 const Functions& functions, const Page& page) {
        View::Shape shape{to_grouping(accounts, account_groups, instruments, instrument_groups),
                          to_levels(levels, rows),
                          rows,
                          masters,
                          functions,
                          nullptr};
        shape.page =
            checked_page(page, shape.grouping, levels.size(), view->measures(), view->functions());
        const Unlocked unlocked;
        book->reshape_view(*view, std::move(shape));
        if (view->incremental()) book->sync_view(*view);
    }
    py::dict stats() {
        const auto s = unlocked([&] {
            const Reading reading(book->lock());  // a writer may be updating the view
            const std::scoped_lock lock(view->mutex);
            return view->stats();
        });
        py::dict out;
        out["cells_swept"] = s.cells_swept;
        out["rebuilds"] = s.rebuilds;
        out["memory"] = s.memory_bytes;
        return out;
    }
};

template <class F>
py::array groups_of(const ResultRows& rows, F&& group_of) {
    std::vector<std::int32_t> out(rows.size());
    for (std::size_t k = 0; k < out.size(); ++k)
        out[k] = static_cast<std::int32_t>(group_of(rows.pair(k)));
    return to_array(std::move(out));
}

}  // namespace

void add_views(py::module_& m) {
    // Columns are created on demand.
    py::class_<ResultRows, std::unique_ptr<ResultRows, DeleteUnlocked>>(m, "ResultRows")
        .def("__len__", &ResultRows::size)
        .def_property_readonly("epoch", [](const ResultRows& r) { return raw(r.epoch); })
        .def_property_readonly("ascending",
                               [](const ResultRows& f) {
                                   return f.pairs.empty() &&
                                          std::is_sorted(f.row.begin(), f.row.end());
                               })
        .def("row",
             [](const ResultRows& f) { return to_array(huge_pages::Vector<std::int32_t>(f.row)); })
        // Not for roll-ups.
        .def("account_group",
             [](const ResultRows& f) {
                 return groups_of(f, [](GroupPair pair) { return pair.account_group; });
             })
        .def("instrument_group",
             [](const ResultRows& f) {
                 return groups_of(f, [](GroupPair pair) { return pair.instrument_group; });
             })
        .def("currency", [](const ResultRows& f) { return to_array(std::vector(f.currency)); })
        // Amounts of the k-th requested measure. The array shares the memory of the rows.
        .def(
            "amount",
            [](const py::object& self, std::size_t k) {
                const auto& f = py::cast<const ResultRows&>(self);
                const auto column = f.amounts.size() == 1 ? 0 : k;
                if (column >= f.amounts.size()) refuse_argument("amount: out of range");
                const auto& amounts = f.amounts[column];
                py::array_t<std::int64_t> out({static_cast<py::ssize_t>(amounts.size()), {2}},
                                              reinterpret_cast<const std::int64_t*>(amounts.data()),
                                              self);
                py::detail::array_proxy(out.ptr())->flags &=
                    ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
                return out;
            },
            py::arg("k"))
        // Values of the k-th requested function.
        .def(
            "floats",
            [](const ResultRows& f, std::size_t k) {
                return to_array(k < f.floats.size() ? std::vector(f.floats[k])
                                                    : std::vector<double>());
            },
            py::arg("k"))
        // The k-th requested quantity.
        .def(
            "quantity",
            [](const ResultRows& f, std::size_t k) {
                if (k >= f.quantities.size()) refuse_argument("quantity: out of range");
                return to_array(std::vector(f.quantities[k]));
            },
            py::arg("k"))
        .def("prices", [](const ResultRows& f) { return to_array(std::vector(f.prices)); })
        .def("priced", [](const ResultRows& f) { return to_array(std::vector(f.priced)); })
        .def("of_one_instrument",
             [](const ResultRows& f) { return to_array(std::vector(f.of_one_instrument)); })
        .def("unpriced",
             [](const ResultRows& f) {
                 return to_array(std::vector<std::int64_t>(f.unpriced.begin(), f.unpriced.end()));
             })
        .def("removed", [](const ResultRows& f) { return to_array(std::vector(f.removed)); });

    py::class_<PyView, std::unique_ptr<PyView, DeleteUnlocked>>(m, "View")
        .def("read", &PyView::read, py::arg("everything"))
        .def("reshape", &PyView::reshape, py::arg("accounts"), py::arg("account_groups"),
             py::arg("instruments"), py::arg("instrument_groups"), py::arg("levels"),
             py::arg("rows"), py::arg("masters"), py::arg("functions"), py::arg("page"))
        // Whether a read takes only microseconds.
        .def("is_fast",
             [](PyView& v) {
                 const Reading reading = short_reading(*v.book);
                 const std::unique_lock lock(v.view->mutex, std::try_to_lock);
                 return lock.owns_lock() && !v.view->stale(v.book->state()) &&
                        v.view->is_fast(v.book->state(), v.book->change_log());
             })
        // The next result has all rows.
        .def("forget",
             [](PyView& v) {
                 const Unlocked unlocked;
                 const std::scoped_lock lock(v.view->mutex);
                 v.view->forget();
             })
        .def("stats", &PyView::stats);

    m.def(
        "add_view",
        [](std::shared_ptr<Book> book, std::int32_t currency, const std::vector<int>& measures,
           bool incremental, std::size_t functions) {
            auto view = unlocked([&] {
                return book->add_view(currency, to_measures(measures), incremental, functions);
            });
            return std::unique_ptr<PyView, DeleteUnlocked>(
                new PyView(std::move(book), std::move(view)));
        },
        py::arg("book"), py::arg("currency"), py::arg("measures"), py::arg("incremental"),
        py::arg("functions"));
    // Changes of several views of one book at one epoch. None if any shape is stale.
    m.def(
        "changes",
        [](const std::vector<PyView*>& views) -> py::object {
            if (views.empty()) return py::list();
            std::vector<View*> asked;
            for (const PyView* v : views) asked.push_back(v->view.get());
            Book& book = *views[0]->book;
            for (const PyView* v : views)
                if (v->book.get() != &book) refuse_argument("changes: views of several books");
            std::vector<ResultRows> out;
            bool ok = false;
            if (!book.try_read_views(asked, out, ok)) {
                const Unlocked unlocked;
                ok = book.read_views(asked, out);
            }
            if (!ok) return py::none();
            py::list frames;
            for (auto& rows : out) frames.append(py::cast(std::move(rows)));
            return frames;
        },
        py::arg("views"));
}

}  // namespace mvcore::bindings
