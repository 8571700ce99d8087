// Reads of books and snapshots. Calls that may take long run without the GIL.
#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>

#include "mvcore/bindings/parts.hpp"
#include "mvcore/book/snapshot.hpp"
#include "mvcore/ingest/tables.hpp"

namespace mvcore::bindings {
namespace {

py::dict to_dict(PriceList&& p) {
    py::dict out;
    out["instrument"] = to_array(std::move(p.instrument));
    out["price"] = to_array(std::move(p.price));
    out["time"] = to_array(std::move(p.time));
    std::vector<std::int64_t> changed(p.changed.begin(), p.changed.end());
    out["changed"] = to_array(std::move(changed));
    out["epoch"] = raw(p.epoch);
    return out;
}

py::list to_list(const std::vector<std::string_view>& texts) {
    py::list out(texts.size());
    for (std::size_t k = 0; k < texts.size(); ++k)
        out[k] = py::str(texts[k].data(), texts[k].size());
    return out;
}

py::object to_ids(IdKind kind, std::vector<std::int64_t>&& numbers,
                  const std::vector<std::string_view>& texts) {
    if (kind == IdKind::text) return to_list(texts);
    return to_array(std::move(numbers));
}

py::dict to_dict(OrderList&& o) {
    py::dict out;
    out["order"] = to_ids(o.kind, std::move(o.number), o.text);
    out["account"] = to_array(std::move(o.account));
    out["instrument"] = to_array(std::move(o.instrument));
    out["currency"] = to_array(std::move(o.currency));
    out["status"] = to_array(std::move(o.status));
    out["time"] = to_array(std::move(o.time));
    out["order_quantity"] = to_array(std::move(o.quantity));
    out["filled_quantity"] = to_array(std::move(o.filled));
    out["average_price"] = to_array(std::move(o.average_price));
    out["average_price_known"] = to_array(std::move(o.average_price_known));
    out["rolled_quantity"] = to_array(std::move(o.rolled));
    out["leaves_quantity"] = to_array(std::move(o.leaves));
    out["price"] = to_array(std::move(o.price));
    out["market_value"] = to_array(std::move(o.market_value));
    out["filled_value"] = to_array(std::move(o.filled_value));
    out["priced"] = to_array(std::move(o.priced));
    out["epoch"] = raw(o.epoch);
    return out;
}

// The codes ascending without duplicates. None: all.
template <Code C>
std::optional<std::vector<C>> to_sorted(const py::object& given, const char* what) {
    if (given.is_none()) return std::nullopt;
    const auto codes =
        to_codes(py::cast<Codes>(given), 0, std::numeric_limits<std::int32_t>::max(), what);
    std::vector<C> out;
    out.reserve(codes.size());
    for (const auto code : codes) out.push_back(C(code));
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

CodeSelection to_selection(const py::object& accounts, const py::object& instruments,
                           std::uint64_t masters) {
    return {to_sorted<AccountCode>(accounts, "account"),
            to_sorted<InstrumentCode>(instruments, "instrument"), masters};
}

std::shared_ptr<const AccountCurrencies> to_account_currencies(const std::optional<Codes>& own,
                                                               std::optional<std::int32_t> currency,
                                                               const py::object& accounts,
                                                               const CodeSelection& selection) {
    OwnCurrencies given;
    if (own) given.emplace(*own, std::nullopt);
    const auto count = accounts.is_none() ? 0 : std::size_t(py::cast<Codes>(accounts).size());
    const auto currencies = to_own(given, currency.value_or(0), count, 0, 0);
    if (!currencies) return nullptr;
    if (selection.accounts && selection.accounts->size() != count)
        refuse_argument("accounts: one is listed twice");
    return std::make_shared<const AccountCurrencies>(
        AccountCurrencies{selection.accounts, *currencies});
}

// Calls read(out) without the GIL. Returns None if it reports stale groups.
template <class Out, class Read, class Convert>
py::object unless_stale(Read&& read, Convert&& convert) {
    Out out;
    bool ok = false;
    {
        const Unlocked unlocked;
        ok = read(out);
    }
    return ok ? py::object(convert(std::move(out))) : py::none();
}

Question to_question(const py::object& accounts, std::uint32_t account_groups,
                     const py::object& instruments, std::uint32_t instrument_groups,
                     const std::vector<Codes>& levels, std::size_t rows, std::uint64_t masters,
                     const std::vector<int>& measures, const Functions& functions,
                     std::int32_t currency, const Page& page, const InstrumentColumns& quantities,
                     const OwnCurrencies& own) {
    Question q;
    q.grouping = to_grouping(accounts, account_groups, instruments, instrument_groups);
    q.levels = to_levels(levels, rows);
    q.rows = rows;
    q.masters = masters;
    q.measures = to_measures(measures);
    q.functions = functions;
    q.currency = currency;
    q.own = to_own(own, currency, account_groups, levels.size(), rows);
    q.quantities = to_quantities(quantities);
    if (q.quantities && q.grouping.one_instrument_group())
        refuse_argument("quantities: the rows are not of one instrument");
    q.page = checked_page(page, q.grouping, q.levels.size(), q.measures.size(),
                          functions ? functions->size() : 0, q.quantities);
    return q;
}

// `prices`: codes, factor, text and row of each change. `rates`: the same with a currency.
using GivenPrices = std::vector<std::tuple<Codes, std::string, std::string, std::size_t>>;
using GivenRates = std::vector<std::tuple<std::int32_t, std::string, std::string, std::size_t>>;

PercentChanges to_changes(const std::optional<std::pair<GivenPrices, GivenRates>>& given) {
    const auto factor_of = [](const std::string& text) {
        const auto found = parse_decimal(text);
        if (!found) refuse_argument("factor " + text + ": " + describe(found.fault));
        return found.value;
    };
    PercentChanges out;
    if (!given) return out;
    for (const auto& [codes, factor, text, row] : given->first) {
        PriceChange change{{}, factor_of(factor), text, row};
        for (const auto code :
             to_codes(codes, 0, std::numeric_limits<std::int32_t>::max(), "instrument"))
            change.instruments.push_back(InstrumentCode(code));
        out.prices.push_back(std::move(change));
    }
    for (const auto& [currency, factor, text, row] : given->second) {
        if (currency < 0) refuse_argument("currency: out of range");
        out.rates.push_back({currency, factor_of(factor), text, row});
    }
    return out;
}

py::object to_pair(std::optional<PositionList::Narrow>&& given) {
    if (!given) return py::none();
    return py::make_tuple(to_array(std::move(given->values)), given->scale);
}

py::object result_rows(ResultRows&& f) { return py::cast(std::move(f)); }

py::tuple value(Reader& reader, const std::string& account, const std::string& currency) {
    AccountValue v;
    {
        const Unlocked unlocked;
        v = reader.value(account, currency);
    }
    return py::make_tuple(to_array(std::vector<i128>(v.amount.begin(), v.amount.end())), v.unpriced,
                          raw(v.epoch));
}

}  // namespace

Measures to_measures(const std::vector<int>& measures) {
    Measures out;
    for (int m : measures) {
        if (m < 0 || m >= kMeasures)
            refuse_argument("measure " + std::to_string(m) + " is out of range");
        out.push_back(static_cast<Measure>(m));
    }
    return out;
}

std::optional<RowQuantities> to_quantities(const InstrumentColumns& columns) {
    if (!columns) return std::nullopt;
    const auto& [measures, price, first_level] = *columns;
    return RowQuantities{to_measures(measures), price, first_level};
}

void add_reads(py::module_& m) {
    py::class_<Reader, std::shared_ptr<Reader>>(m, "Reader")
        .def("close", &Reader::close)
        .def("check_open", &Reader::check_open)
        .def("value", &value, py::arg("account"), py::arg("currency"))
        // `quantities`: see InstrumentColumns.
        // `currency`: its code, or its name if only the given rates may know it. `given`: tables of
        // hypothetical prices and rates, and `changes` in percent; without both, the current ones.
        .def(
            "values",
            [](Reader& reader, const py::object& accounts, std::uint32_t account_groups,
               const py::object& instruments, std::uint32_t instrument_groups,
               const std::vector<Codes>& levels, std::size_t rows, std::uint64_t masters,
               const std::vector<int>& measures, const Functions& functions,
               const std::variant<std::int32_t, std::string>& currency, const py::dict& given,
               const Page& page, const InstrumentColumns& quantities,
               const std::optional<std::pair<GivenPrices, GivenRates>>& changes,
               const OwnCurrencies& own) {
                const auto* code = std::get_if<std::int32_t>(&currency);
                const auto name = code != nullptr ? std::string() : std::get<std::string>(currency);
                const auto q = to_question(accounts, account_groups, instruments, instrument_groups,
                                           levels, rows, masters, measures, functions,
                                           code != nullptr ? *code : 0, page, quantities, own);
                const auto tables = to_tables(given);
                const auto percents = to_changes(changes);
                const bool present = given.empty() && percents.empty();
                auto make = [&](const Vocabulary& names, const State& state) {
                    return text::make_batch(names, state, tables, false);
                };
                return unless_stale<ResultRows>(
                    [&](ResultRows& out) {
                        return present ? reader.values(q, out)
                                       : reader.values_if(q, name, make, out, percents);
                    },
                    result_rows);
            },
            py::arg("accounts"), py::arg("account_groups"), py::arg("instruments"),
            py::arg("instrument_groups"), py::arg("levels"), py::arg("rows"), py::arg("masters"),
            py::arg("measures"), py::arg("functions"), py::arg("currency"), py::arg("given"),
            py::arg("page"), py::arg("quantities"), py::arg("changes") = py::none(),
            py::arg("own") = py::none())
        // Upper bounds that cost little: the positions selected, and the rows of a grouping.
        .def(
            "most_rows",
            [](Reader& reader, const py::object& accounts, std::uint32_t account_groups,
               const py::object& instruments, std::uint32_t instrument_groups,
               std::uint64_t masters) {
                const auto grouping =
                    to_grouping(accounts, account_groups, instruments, instrument_groups);
                return unless_stale<MostRows>(
                    [&](MostRows& out) { return reader.most_rows(grouping, masters, out); },
                    [](const MostRows& most) { return py::make_tuple(most.positions, most.rows); });
            },
            py::arg("accounts"), py::arg("account_groups"), py::arg("instruments"),
            py::arg("instrument_groups"), py::arg("masters"))
        // `accounts`, `instruments`: codes; None means all. `currency`: of the amounts, or LOCAL;
        // None means neither prices nor amounts. `holdings`: see PositionQuery. `own`: with OWN,
        // the currency of each of `accounts`, which ascend, or of every account by code.
        .def(
            "positions",
            [](Reader& reader, const py::object& accounts, const py::object& instruments,
               std::optional<std::int32_t> currency, std::uint64_t masters, bool holdings,
               const Page& page, const std::optional<Codes>& own) {
                PositionQuery query{to_selection(accounts, instruments, masters)};
                query.currency = currency;
                query.own = to_account_currencies(own, currency, accounts, query);
                query.holdings = holdings;
                query.page = page;
                if (!query.page_fits()) refuse_argument("page: a column is out of range");
                return unless_stale<PositionList>(
                    [&](PositionList& out) { return reader.positions(query, out); },
                    [](PositionList&& p) { return py::cast(std::move(p)); });
            },
            py::arg("accounts"), py::arg("instruments"), py::arg("currency"), py::arg("masters"),
            py::arg("holdings") = false, py::arg("page") = py::none(), py::arg("own") = py::none())
        .def(
            "orders",
            [](Reader& reader, const py::object& accounts, const py::object& instruments,
               std::uint64_t masters) {
                const auto selection = to_selection(accounts, instruments, masters);
                return unless_stale<OrderList>(
                    [&](OrderList& out) { return reader.orders(selection, out); },
                    [](OrderList&& o) { return to_dict(std::move(o)); });
            },
            py::arg("accounts"), py::arg("instruments"), py::arg("masters"))
        .def(
            "revalue",
            [](Reader& reader, std::string_view instrument) {
                {
                    const Reading reading =
                        short_reading(reader);  // most lines take only microseconds
                    if (reader.short_line(instrument)) return reader.revalue_of(instrument);
                }
                return unlocked([&] { return reader.revalue(instrument); });
            },
            py::arg("instrument"))
        // `instruments`: codes, found in the master tables `masters`; None means all.
        .def(
            "prices",
            [](Reader& reader, const py::object& instruments, std::uint64_t masters) {
                const auto selection = to_selection(py::none(), instruments, masters);
                return unless_stale<PriceList>(
                    [&](PriceList& out) {
                        if (selection.instruments) return reader.prices(selection, out);
                        out = reader.prices();
                        return true;
                    },
                    [](PriceList&& p) { return to_dict(std::move(p)); });
            },
            py::arg("instruments") = py::none(), py::arg("masters") = 0)
        .def(
            "account_codes",
            [](Reader& reader, const text::Column& names, const std::string& call) {
                return to_array(unlocked([&] {
                    const Reading reading(reader.lock());
                    return text::account_codes(reader, names, {call, "accounts"});
                }));
            },
            py::arg("names"), py::arg("call"))
        // unknown_ok: an unknown name becomes -1.
        .def(
            "instrument_codes",
            [](Reader& reader, const text::Column& names, const std::string& call,
               bool unknown_ok) {
                return to_array(unlocked([&] {
                    const Reading reading(reader.lock());
                    return text::instrument_codes(reader, names, {call, "instrument"}, unknown_ok);
                }));
            },
            py::arg("names"), py::arg("call"), py::arg("unknown_ok") = false)
        .def_property_readonly("masters",
                               [](Reader& reader) {
                                   const Reading reading = short_reading(reader);
                                   return reader.state().masters;
                               })
        .def(
            "currency_code",
            [](Reader& reader, const std::string& name) {
                const Reading reading = short_reading(reader);
                const auto code = reader.find(reader.names().currencies, name);
                return reader.state().currency_known(code) ? code : -1;
            },
            py::arg("name"))
        .def_property_readonly("epoch", [](Reader& reader) {
            const Reading reading = short_reading(reader);
            return raw(reader.state().epoch);
        });

    py::class_<Snapshot, std::shared_ptr<Snapshot>, Reader>(m, "Snapshot");
    m.def(
        "snapshot",
        [](const std::shared_ptr<Book>& book) {
            const Unlocked unlocked;
            return std::shared_ptr<Snapshot>(new Snapshot(book), DeleteUnlocked());
        },
        py::arg("book"));

    py::class_<PositionList, std::unique_ptr<PositionList, DeleteUnlocked>>(m, "PositionList")
        .def("__len__", &PositionList::size)
        .def_property_readonly("epoch", [](const PositionList& l) { return raw(l.epoch()); })
        .def(
            "accounts",
            [](const PositionList& p) { return to_array(std::vector<std::int32_t>(p.accounts())); })
        .def("instruments", [](const PositionList& p) { return to_array(p.instruments()); })
        .def("currencies", [](const PositionList& p) { return to_array(p.currencies()); })
        .def(
            "quantities",
            [](const PositionList& p, int measure) {
                return to_array(p.quantities(to_measures({measure})[0]));
            },
            py::arg("measure"))
        // Integers of 64 bits and their scale, or None.
        .def(
            "narrow_quantities",
            [](const PositionList& p, int measure) {
                return to_pair(p.narrow_quantities(to_measures({measure})[0]));
            },
            py::arg("measure"))
        .def("narrow_prices", [](const PositionList& p) { return to_pair(p.narrow_prices()); })
        .def("prices", [](const PositionList& p) { return to_array(p.prices()); })
        .def("priced", [](const PositionList& p) { return to_array(p.priced()); })
        .def(
            "amounts",
            [](const PositionList& p, int measure) {
                const auto m = to_measures({measure})[0];
                auto narrow = p.narrow_amounts(m);
                return narrow ? to_array(std::move(*narrow)) : to_array(p.amounts(m));
            },
            py::arg("measure"))
        .def("valued", [](const PositionList& p) { return to_array(p.valued()); })
        .def("own_currencies", [](const PositionList& p) { return to_array(p.own_currencies()); })
        .def("own_amounts", [](const PositionList& p) { return to_array(p.own_amounts()); });

    py::class_<Revaluation, std::unique_ptr<Revaluation, DeleteUnlocked>>(m, "Revaluation")
        .def("__len__", &Revaluation::size)
        .def_property_readonly("holdings", &Revaluation::holdings)
        .def_property_readonly("priced", &Revaluation::priced)
        .def_property_readonly("currency", &Revaluation::currency)
        .def_property_readonly("epoch", [](const Revaluation& r) { return raw(r.epoch()); })
        .def("price",
             [](const Revaluation& r) { return to_array(std::vector<i128>(r.size(), r.price())); })
        .def("accounts", [](const Revaluation& r) { return to_array(r.accounts()); })
        .def("orders",
             [](const Revaluation& r) {
                 const bool text = r.id_kind() == IdKind::text;
                 return to_ids(r.id_kind(), text ? std::vector<std::int64_t>() : r.numbers(),
                               text ? r.texts() : std::vector<std::string_view>());
             })
        .def("quantities", [](const Revaluation& r) { return to_array(r.quantities()); })
        .def("values", [](const Revaluation& r) {
            auto narrow = r.narrow_values();
            return narrow ? to_array(std::move(*narrow)) : to_array(r.values());
        });
}

}  // namespace mvcore::bindings
