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

std::shared_ptr<const GroupCurrencies> to_own(const OwnCurrencies& given, std::int32_t currency,
                                              std::size_t account_groups, std::size_t levels,
                                              std::size_t rows) {
    const auto codes = [](const Codes& array) {
        return to_codes(array, -1, std::numeric_limits<std::int32_t>::max(), "currency");
    };
    if (given.has_value() != (currency == kOwn)) refuse_argument("own currencies: not asked for");
    if (!given) return nullptr;
    const auto& [of_group, of_row] = *given;
    GroupCurrencies out(codes(of_group), of_row ? codes(*of_row) : std::vector<std::int32_t>());
    if (out.groups() < account_groups || out.rows() < (levels == 0 ? 0 : rows))
        refuse_argument("own currencies: too few");
    return std::make_shared<const GroupCurrencies>(std::move(out));
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

// The kind of the columns; the level of each row of a roll-up, or None; and for each column of the
// grouping what its label ids are indexed by, the ids or None, and their texts or None.
using LabelColumns =
    std::vector<std::tuple<std::string, std::optional<Codes>, std::shared_ptr<CodeTexts>>>;
RowLabels to_labels(const std::string& kind, const std::optional<Codes>& level_of,
                    const LabelColumns& columns, const View::Shape& shape) {
    const auto checked = [](const Codes& codes, std::size_t count) {
        if (codes.ndim() != 1 || std::size_t(codes.size()) < count)
            refuse_argument("labels: too few label ids");
        return std::vector<std::int32_t>(codes.data(), codes.data() + codes.size());
    };
    RowLabels out;
    out.kind = kind;
    if (level_of) out.level_of = checked(*level_of, shape.rows);
    for (const auto& [groups, ids, texts] : columns) {
        RowLabels::Column column;
        std::size_t count = shape.rows;
        if (groups == "account_group") {
            column.of = RowLabels::Of::account_group;
            count = shape.grouping.account_groups;
        } else if (groups == "instrument_group") {
            column.of = RowLabels::Of::instrument_group;
            count = shape.grouping.instrument_groups;
        } else if (groups != "row") {
            refuse_argument("labels: unknown groups '" + groups + "'");
        }
        if (ids) column.ids = checked(*ids, count);
        column.texts = texts;
        out.columns.push_back(std::move(column));
    }
    return out;
}

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
                 const Functions& functions, const Page& page, const std::string& kind,
                 const std::optional<Codes>& level_of, const LabelColumns& labels,
                 const OwnCurrencies& own) {
        View::Shape shape{to_grouping(accounts, account_groups, instruments, instrument_groups),
                          to_levels(levels, rows),
                          rows,
                          masters,
                          functions,
                          nullptr,
                          {},
                          to_own(own, view->currency(), account_groups, levels.size(), rows)};
        shape.page = checked_page(page, shape.grouping, levels.size(), view->amounts(),
                                  view->functions(), view->quantities());
        if (view->quantities() && shape.grouping.one_instrument_group())
            refuse_argument("quantities: the rows are not of one instrument");
        shape.labels = to_labels(kind, level_of, labels, shape);
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
        out["rows_computed"] = s.rows_computed;
        out["memory"] = s.memory_bytes;
        return out;
    }
};

// The measures to compute, each once, and the amounts of a row; no columns if these are the same.
std::pair<Measures, std::vector<View::Column>> to_columns(const std::vector<int>& numbers) {
    std::vector<int> computed;
    std::vector<View::Column> columns;
    for (const int number : numbers) {
        const bool change = number < 0;
        const int measure = change ? -1 - number : number;
        const auto found = std::find(computed.begin(), computed.end(), measure);
        columns.push_back({static_cast<std::size_t>(found - computed.begin()), change});
        if (found == computed.end()) computed.push_back(measure);
    }
    if (std::none_of(columns.begin(), columns.end(), [](auto& c) { return c.change; }))
        columns.clear();
    return {to_measures(computed), std::move(columns)};
}

// The k-th of several columns, which do not exist if there are no rows.
template <class Columns>
py::array column_of(const CombinedRows& rows, const Columns& columns, std::size_t k) {
    if (k >= columns.size() && rows.size() != 0) refuse_argument("column: out of range");
    typename Columns::value_type column;
    if (k < columns.size()) column = columns[k];
    return to_array(std::move(column));
}

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
             py::arg("rows"), py::arg("masters"), py::arg("functions"), py::arg("page"),
             py::arg("kind"), py::arg("level_of"), py::arg("labels"), py::arg("own") = py::none())
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
                 const Reading reading(v.book->lock());  // a writer may be updating the view
                 const std::scoped_lock lock(v.view->mutex);
                 v.view->forget();
             })
        .def("stats", &PyView::stats);

    // `measures`: numbers of measures; -1 - m is the change of measure m since the last read.
    m.def(
        "add_view",
        [](std::shared_ptr<Book> book, std::int32_t currency, const std::vector<int>& measures,
           bool incremental, std::size_t functions, const InstrumentColumns& quantities) {
            auto [computed, columns] = to_columns(measures);
            auto view = unlocked([&] {
                return book->add_view(currency, std::move(computed), incremental, functions,
                                      to_quantities(quantities), std::move(columns));
            });
            return std::unique_ptr<PyView, DeleteUnlocked>(
                new PyView(std::move(book), std::move(view)));
        },
        py::arg("book"), py::arg("currency"), py::arg("measures"), py::arg("incremental"),
        py::arg("functions"), py::arg("quantities"));
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

    // The rows of several views in one table. Columns are created on demand.
    py::class_<CombinedRows, std::unique_ptr<CombinedRows, DeleteUnlocked>>(m, "CombinedRows")
        .def("__len__", &CombinedRows::size)
        .def_property_readonly("epoch", [](const CombinedRows& r) { return raw(r.epoch); })
        .def("view", [](const CombinedRows& r) { return to_array(std::vector(r.view)); })
        .def("level", [](const CombinedRows& r) { return to_array(std::vector(r.level)); })
        // Label ids of the k-th column of the grouping. There are no columns if there are no rows.
        .def(
            "labels",
            [](const CombinedRows& r, std::size_t k) { return column_of(r, r.labels, k); },
            py::arg("k"))
        // The texts of these ids. None: they are codes of names.
        .def(
            "texts",
            [](const CombinedRows& r, std::size_t k) {
                return k < r.texts.size() ? std::const_pointer_cast<CodeTexts>(r.texts[k])
                                          : nullptr;
            },
            py::arg("k"))
        .def("currency", [](const CombinedRows& r) { return to_array(std::vector(r.currency)); })
        .def(
            "amount",
            [](const CombinedRows& r, std::size_t k) { return column_of(r, r.amounts, k); },
            py::arg("k"))
        .def(
            "floats",
            [](const CombinedRows& r, std::size_t k) { return column_of(r, r.floats, k); },
            py::arg("k"))
        .def(
            "quantity",
            [](const CombinedRows& r, std::size_t k) { return column_of(r, r.quantities, k); },
            py::arg("k"))
        .def("prices", [](const CombinedRows& r) { return to_array(std::vector(r.prices)); })
        .def("priced", [](const CombinedRows& r) { return to_array(std::vector(r.priced)); })
        .def("of_one_instrument",
             [](const CombinedRows& r) { return to_array(std::vector(r.of_one_instrument)); })
        .def("unpriced", [](const CombinedRows& r) { return to_array(std::vector(r.unpriced)); })
        .def("removed", [](const CombinedRows& r) { return to_array(std::vector(r.removed)); });

    // The changes of all views in one table; None if a view is closed, of another book or listed
    // twice. Else, if views are stale, their indices; or the index of the first view whose columns
    // are not those of the first.
    m.def(
        "combined_changes",
        [](Book& book, const std::vector<PyView*>& views) -> py::object {
            std::vector<View*> wanted;
            wanted.reserve(views.size());
            for (const PyView* v : views) {
                if (v == nullptr || v->book.get() != &book) return py::none();
                wanted.push_back(v->view.get());
            }
            auto found = unlocked([&] { return book.read_combined(wanted); });
            if (found.listed_twice) return py::none();
            if (found.rows) return py::cast(std::move(*found.rows));
            if (found.of_other_columns && found.stale.empty())
                return py::int_(*found.of_other_columns);
            return py::cast(found.stale);
        },
        py::arg("book"), py::arg("views"));
}

}  // namespace mvcore::bindings
