// Views, and what reads hand out: columns are made when they are asked for.
#include "parts.hpp"

namespace mvcore::bindings {

Grouping to_grouping(const py::object& accounts, std::uint32_t account_groups,
                     const py::object& instruments, std::uint32_t instrument_groups) {
    Grouping g;
    g.account_group = to_codes(accounts);
    g.accounts_listed = !accounts.is_none();
    g.instrument_group = to_codes(instruments);
    g.instruments_listed = !instruments.is_none();
    g.account_groups = account_groups;
    g.instrument_groups = instrument_groups;
    return g;
}

std::vector<std::vector<std::int32_t>> to_levels(const std::vector<Codes>& levels) {
    std::vector<std::vector<std::int32_t>> out;
    for (const auto& level : levels) out.emplace_back(level.data(), level.data() + level.size());
    return out;
}

namespace {

struct PyView {
    std::shared_ptr<Book> book;
    std::shared_ptr<View> view;

    ~PyView() {
        if (view) book->remove_view(view.get());
    }
    PyView(std::shared_ptr<Book> b, std::shared_ptr<View> v)
        : book(std::move(b)), view(std::move(v)) {}
    PyView(const PyView&) = delete;
    PyView& operator=(const PyView&) = delete;

    // None where the shape is stale.
    py::object read(bool everything) {
        Figures out;
        // A small view is read with the GIL kept: releasing it costs more than the read.
        bool ok = false;
        if (!book->try_read_view(*view, everything, out, ok)) {
            const Unlocked unlocked;
            ok = book->read_view(*view, everything, out);
        }
        return ok ? py::cast(std::move(out)) : py::none();
    }
    void reshape(const py::object& accounts, std::uint32_t account_groups,
                 const py::object& instruments, std::uint32_t instrument_groups,
                 const std::vector<Codes>& levels, std::size_t rows, std::uint64_t masters) {
        View::Shape shape{to_grouping(accounts, account_groups, instruments, instrument_groups),
                          to_levels(levels), rows, masters};
        const Unlocked unlocked;
        book->reshape_view(*view, std::move(shape));
        if (view->incremental()) book->sync_view(*view);
    }
    py::dict stats() {
        const ShortReading reading(*book);  // a writer may bring the view up to date
        const std::scoped_lock lock(view->mutex);
        const auto s = view->stats();
        py::dict out;
        out["cells_swept"] = s.cells_swept;
        out["rebuilds"] = s.rebuilds;
        out["memory"] = s.memory_bytes;
        return out;
    }
};

}  // namespace

void add_views(py::module_& m) {
    // Columns are made when they are asked for.
    py::class_<Figures>(m, "Figures")
        .def("__len__", &Figures::size)
        .def_readonly("epoch", &Figures::epoch)
        .def("row", [](const Figures& f) { return to_array(std::vector(f.row)); })
        .def("currency", [](const Figures& f) { return to_array(std::vector(f.currency)); })
        .def("amount", [](const Figures& f) { return to_array(std::vector(f.amount)); })
        .def("unpriced",
             [](const Figures& f) {
                 return to_array(std::vector<std::int64_t>(f.unpriced.begin(), f.unpriced.end()));
             })
        .def("removed", [](const Figures& f) {
            return to_array(std::vector<std::uint8_t>(f.removed.begin(), f.removed.end()));
        });

    py::class_<Revaluation>(m, "Revaluation")
        .def("__len__", &Revaluation::size)
        .def_property_readonly("priced", &Revaluation::priced)
        .def_property_readonly("epoch", &Revaluation::epoch)
        .def("price",
             [](const Revaluation& r) { return to_array(std::vector<i128>(r.size(), r.price())); })
        .def("accounts", [](const Revaluation& r) { return to_array(r.accounts()); })
        .def("quantities", [](const Revaluation& r) { return to_array(r.quantities()); })
        .def("values", [](const Revaluation& r) { return to_array(r.values()); });

    py::class_<PyView>(m, "View")
        .def("read", &PyView::read)
        .def("reshape", &PyView::reshape)
        .def("stats", &PyView::stats);

    m.def("add_view", [](std::shared_ptr<Book> book, std::int32_t currency, bool incremental) {
        auto view = book->add_view(currency, incremental);
        return std::make_unique<PyView>(std::move(book), std::move(view));
    });
}

}  // namespace mvcore::bindings
