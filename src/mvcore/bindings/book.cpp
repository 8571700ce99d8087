// The book's cold API. Calls that may take long run without the GIL.
#include "mvcore/book/book.hpp"

#include <algorithm>

#include "mvcore/base/errors.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/base/worker_pool.hpp"
#include "mvcore/bindings/parts.hpp"
#include "mvcore/ingest/tables.hpp"

namespace mvcore::bindings {
namespace {

text::Table to_table(const std::string& name, const py::dict& columns) {
    text::Table table;
    std::size_t rows = 0;
    bool first = true;
    auto check = [&](const std::string& column, std::size_t n) {
        if (!first && n != rows)
            throw InputError(
                ErrorKind::invalid_input, name, column, std::nullopt,
                std::to_string(n) + " rows, other columns have " + std::to_string(rows));
        rows = n;
        first = false;
    };
    for (const auto& [key, value] : columns) {
        const auto column = py::cast<std::string>(key);
        if (column == "time") {
            const auto times = py::cast<Times>(value);
            check(column, static_cast<std::size_t>(times.size()));
            table.times.emplace(times.data(), times.data() + times.size());
        } else {
            auto c = py::cast<text::Column>(value);
            check(column, c.rows());
            table.columns[column] = std::move(c);
        }
    }
    return table;
}

// None: one for each core that the process may run on.
std::size_t to_threads(std::optional<std::int64_t> threads) {
    if (!threads) return std::min(WorkerPool::cores(), tuning::kMostThreads);
    if (*threads < 1 || static_cast<std::uint64_t>(*threads) > tuning::kMostThreads)
        refuse_argument("threads: " + std::to_string(*threads));
    return static_cast<std::size_t>(*threads);
}

}  // namespace

CashRule to_cash_rule(const std::optional<std::string>& cash, std::optional<int> scale) {
    if (cash && *cash != kFromFills) refuse_argument("cash: '" + *cash + "'");
    if (scale && (!cash || *scale < 0 || *scale > kMostCashDecimals))
        refuse_argument("cash_scale: " + std::to_string(*scale));
    return {cash.has_value(), scale.value_or(CashRule::kMinorUnits)};
}

text::Tables to_tables(const py::dict& given) {
    text::Tables tables;
    for (const auto& [key, value] : given) {
        const auto name = py::cast<std::string>(key);
        auto table = to_table(name, py::cast<py::dict>(value));
        if (name == "accounts") tables.accounts = std::move(table);
        else if (name == "instruments") tables.instruments = std::move(table);
        else if (name == "fx") tables.fx = std::move(table);
        else if (name == "prices") tables.prices = std::move(table);
        else if (name == "orders") tables.orders = std::move(table);
        else if (name == "holdings") tables.holdings = std::move(table);
        else refuse_argument("unknown table '" + name + "'");
    }
    return tables;
}

namespace {

// `attributes`: attributes of the Python wrapper, journaled and restored when the book is reopened.
py::tuple apply(Book& book, const py::dict& given, bool load, const FeedPositions& feeds,
                const py::bytes& attributes, bool skip_unknown_prices) {
    const auto tables = to_tables(given);
    const auto kept = static_cast<std::string>(attributes);
    return to_tuple(unlocked([&] {
        return book.write([&] {
            auto batch =
                text::make_batch(book.names(), book.state(), tables, load, skip_unknown_prices);
            batch.feeds = feeds;
            batch.attributes = kept;
            return batch;
        });
    }));
}

// `given`: a table of holdings that the day starts from, or empty.
py::tuple roll_day(Book& book, const py::dict& given) {
    const auto tables = to_tables(given);
    return to_tuple(unlocked([&] {
        return book.write([&] {
            auto batch = text::make_batch(book.names(), book.state(), tables, true);
            batch.roll_day = true;
            return batch;
        });
    }));
}

[[noreturn]] void refuse_base(const std::string& currency) {
    throw InputError(ErrorKind::invalid_input, "remove", "fx", std::nullopt,
                     "the base currency " + quoted(currency) + " has no rate", currency);
}

// Sorts the codes and removes duplicates.
std::vector<std::int32_t> distinct(std::vector<std::int32_t> codes) {
    std::sort(codes.begin(), codes.end());
    codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
    return codes;
}

py::tuple remove(Book& book, const text::Column& accounts, const text::Column& instruments,
                 const text::Column& orders, const text::Column& prices, const text::Column& fx) {
    const auto make = [&] {
        Batch batch(book.names());
        batch.removed_accounts = text::account_codes(book, accounts, {"remove", "accounts"});
        batch.removed_instruments =
            text::instrument_codes(book, instruments, {"remove", "instruments"});
        batch.removed_orders =
            text::order_ids(orders, book.state().orders.kind(), {"remove", "orders"});
        batch.removed_prices = distinct(text::instrument_codes(book, prices, {"remove", "prices"}));
        batch.removed_rates = distinct(text::currency_codes(book, fx, {"remove", "fx"}));
        if (!batch.removed_rates.empty() && batch.removed_rates[0] == book.state().base)
            refuse_base(std::string(book.names().currencies.text(book.state().base)));
        return batch;
    };
    return to_tuple(unlocked([&] { return book.write(make); }));
}

py::tuple ticks(Book& book, const Codes& codes, const text::Column& prices, const py::object& times,
                bool skip_unknown, const FeedPositions& feeds) {
    std::vector<PriceRow> rows;
    const Times kept = times.is_none() ? Times(0) : py::cast<Times>(times);
    const auto count = prices.rows();
    if (codes.ndim() != 1 || std::size_t(codes.size()) != count ||
        (!times.is_none() && (kept.ndim() != 1 || std::size_t(kept.size()) != count)))
        refuse_argument("ticks: " + std::to_string(codes.size()) + " instruments, " +
                        std::to_string(count) + " prices and " + std::to_string(kept.size()) +
                        " times; expected as many of each");
    const auto* when = times.is_none() ? nullptr : kept.data();
    const auto* code = codes.data();
    const text::Place place{"ticks", "price"};
    const auto write = [&] {
        for (const auto& chunk : prices.chunks)
            for (std::size_t k = 0; k < chunk.rows; ++k) {
                bool null = false;
                const auto d = text::decimal_at(chunk, k, null);
                if (null) place.refuse_null(rows.size(), "a number");
                if (!d) place.refuse(rows.size(), chunk, k, describe(d.fault));
                rows.push_back({InstrumentCode(code[rows.size()]), d.value,
                                when != nullptr ? when[rows.size()] : kNoTime});
            }
        return book.ticks(rows, skip_unknown, feeds);
    };
    return to_tuple(unlocked(write));
}

// The names of codes, or None for negative codes.
py::list names_of(Book& book, const std::string& side, const Codes& codes) {
    const Names& names = side == "account"      ? book.names().accounts
                         : side == "instrument" ? book.names().instruments
                                                : book.names().currencies;
    std::vector<std::int32_t> wanted;
    std::vector<std::string> texts;
    {
        const Reading reading = short_reading(book);
        wanted = to_codes(codes, std::numeric_limits<std::int32_t>::min(), names.size(),
                          "code of a name");
        for (const auto code : wanted) texts.emplace_back(code < 0 ? "" : names.text(code));
    }
    py::list out(texts.size());
    for (std::size_t k = 0; k < texts.size(); ++k)
        out[k] = wanted[k] < 0 ? py::object(py::none()) : py::str(texts[k].data(), texts[k].size());
    return out;
}

py::dict to_dict(const Counts& counts) {
    py::dict out;
    for (const auto& [name, count] : counts) out[name] = count;
    return out;
}

View::Stats stats_of(View& view) {
    const std::scoped_lock lock(view.mutex);
    return view.stats();
}

Counts stats(Book& book) {
    const Reading reading(book.lock());
    const State& state = book.state();
    const Counters& c = book.counters();
    std::uint64_t positions = 0;
    for (std::size_t a = 0; a < state.positions.size(); ++a) positions += state.positions[a];
    std::uint64_t accounts = 0;
    for (const auto a : accounts_below(std::size_t(book.names().accounts.size())))
        accounts += state.account_alive(a);
    std::uint64_t instruments = 0;
    for (const auto i : instruments_below(std::size_t(book.names().instruments.size())))
        instruments += state.instrument_alive(i);
    std::uint64_t cells = c.cells_swept.load();
    const auto views = book.views();
    for (const auto& v : views) cells += stats_of(*v).cells_swept;
    return {
        {"epoch", raw(state.epoch)},
        {"ticks", c.ticks},
        {"late_prices", c.dropped.late_prices},
        {"late_orders", c.dropped.late_orders},
        {"late_fx", c.dropped.late_fx},
        {"unchanged_orders", c.dropped.unchanged_orders},
        {"skipped_prices", c.dropped.skipped_prices},
        {"facts", c.facts},
        {"accounts", accounts},
        {"instruments", instruments},
        {"positions", positions},
        {"orders", state.orders.size()},
        {"unpriced_instruments", state.board.unpriced()},
        {"units", state.board.units()},
        {"index_builds", c.index_builds},
        {"views", views.size()},
        {"cells_swept", cells},
        {"parallel_sweeps", book.workers().parallel()},
        {"pages_copied", book.copies()},
    };
}

Counts memory(Book& book) {
    const Reading reading(book.lock());
    const State& state = book.state();
    std::uint64_t views = 0;
    for (const auto& v : book.views()) views += stats_of(*v).memory_bytes;
    Counts out = {
        {"names", book.memory_names()},
        {"board", state.board.memory_bytes()},
        {"grid", state.grid.memory_bytes()},
        {"account_index", state.index.memory_bytes()},
        {"orders", state.orders.memory_bytes()},
        {"order_index", book.order_index().memory_bytes()},
        {"positions", state.positions.memory_bytes() + state.account_orders.memory_bytes()},
        {"history", book.change_log().memory_bytes()},
        {"views", views},
    };
    std::uint64_t total = 0;
    for (const auto& part : out) total += part.second;
    out.emplace_back("total", total);
    return out;
}

std::vector<std::int32_t> currencies(Book& book) {
    const Reading reading(book.lock());
    const Board& board = book.state().board;
    std::vector<std::int32_t> out;
    for (std::size_t i = 0; i < board.size(); ++i)
        out.push_back(board.instrument(InstrumentCode(i)).terms.currency);
    return out;
}

std::array<std::int32_t, 3> counts(Book& book) {
    const Reading reading(book.lock());
    return {book.names().accounts.size(), book.names().instruments.size(),
            book.names().currencies.size()};
}

}  // namespace

void add_book(py::module_& m) {
    py::class_<Book, std::shared_ptr<Book>, Reader> book(m, "Book");
    add_small_tables(book);
    book.def(py::init([](const std::string& base_currency, int value_scale,
                         const std::optional<std::string>& cash, std::optional<int> cash_scale,
                         std::optional<std::int64_t> threads) {
                 return std::shared_ptr<Book>(
                     new Book(base_currency, value_scale, to_cash_rule(cash, cash_scale),
                              to_threads(threads)),
                     DeleteUnlocked());
             }),
             py::arg("base_currency"), py::arg("value_scale"), py::arg("cash") = py::none(),
             py::arg("cash_scale") = py::none(), py::arg("threads") = py::none())
        .def_property_readonly("threads", [](const Book& b) { return b.workers().threads(); })
        .def("handle",
             [](py::object self) { return py::capsule(py::cast<Book*>(self), "mvcore.book"); })
        .def("apply", &apply, py::arg("given"), py::arg("load"), py::arg("feeds"),
             py::arg("attributes"), py::arg("skip_unknown_prices"))
        .def("remove", &remove, py::arg("accounts"), py::arg("instruments"), py::arg("orders"),
             py::arg("prices"), py::arg("fx"))
        .def("ticks", &ticks, py::arg("codes"), py::arg("prices"), py::arg("times"),
             py::arg("skip_unknown"), py::arg("feeds") = FeedPositions{})
        .def("roll_day", &roll_day, py::arg("given"))
        .def("names", &names_of, py::arg("side"), py::arg("codes"))
        // Currency of every instrument, alive or not; -1 if it has none.
        .def("currencies", [](Book& book) { return to_array(unlocked(currencies, book)); })
        .def_property_readonly("counts",
                               [](Book& book) {
                                   const auto [accounts, instruments, currencies] =
                                       unlocked(counts, book);
                                   return py::make_tuple(accounts, instruments, currencies);
                               })
        .def("stats", [](Book& book) { return to_dict(unlocked(stats, book)); })
        .def("memory", [](Book& book) { return to_dict(unlocked(memory, book)); });
}

}  // namespace mvcore::bindings
