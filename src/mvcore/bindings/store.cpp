// Exports a state as columns for files; restore.cpp is the inverse. Long work runs without the GIL.
#include "mvcore/base/crc32c.hpp"
#include "mvcore/base/errors.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/bindings/parts.hpp"
#include "mvcore/book/snapshot.hpp"

namespace mvcore::bindings {
namespace {

py::array ints(IntColumn&& column, std::size_t rows) {
    static constexpr std::array<const char*, 5> kTypes = {"i1", "i2", "i4", "i8", "i8"};
    auto* held = new std::vector<std::byte>(std::move(column.bytes));
    const py::capsule owner(held, [](void* p) { delete static_cast<std::vector<std::byte>*>(p); });
    std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(rows)};
    if (column.width == kernels::w128) shape.push_back(2);
    return {py::dtype(kTypes[column.width]), shape, held->data(), owner};
}

// Returns (prices, known flags), or None if no price is known.
py::object prices(PriceColumn&& column) {
    if (column.price.empty()) return py::none();
    auto known = to_array(std::move(column.known));
    return py::make_tuple(to_array(std::move(column.price)), std::move(known));
}

py::tuple to_tuple(TextColumn&& column) {
    auto offsets = to_array(std::move(column.offsets));
    return py::make_tuple(std::move(offsets), to_array(std::move(column.bytes)));
}

py::dict holdings(Snapshot& snapshot, std::int32_t begin, std::int32_t end) {
    auto chunk =
        unlocked(holdings_chunk, snapshot.state(), InstrumentCode(begin), InstrumentCode(end));
    py::dict out;
    out["instrument"] = ints(std::move(chunk.instrument), chunk.rows);
    out["account"] = ints(std::move(chunk.account), chunk.rows);
    out["quantity"] = ints(std::move(chunk.quantity), chunk.rows);
    return out;
}

py::dict orders(Snapshot& snapshot, std::int32_t begin, std::int32_t end) {
    auto chunk =
        unlocked(orders_chunk, snapshot.state(), InstrumentCode(begin), InstrumentCode(end));
    py::dict out;
    if (snapshot.state().orders.kind() == IdKind::text)
        out["order"] = to_tuple(std::move(chunk.text));
    else out["order"] = to_array(std::move(chunk.number));
    out["instrument"] = ints(std::move(chunk.instrument), chunk.rows);
    out["account"] = ints(std::move(chunk.account), chunk.rows);
    out["order_quantity"] = ints(std::move(chunk.quantity), chunk.rows);
    out["filled_quantity"] = ints(std::move(chunk.filled), chunk.rows);
    out["rolled_quantity"] = ints(std::move(chunk.rolled), chunk.rows);
    out["average_price"] = prices(std::move(chunk.average_price));
    out["rolled_price"] = prices(std::move(chunk.rolled_price));
    out["status"] = to_array(std::move(chunk.status));
    const bool timed = !chunk.time.empty();
    out["time"] = timed ? py::object(to_array(std::move(chunk.time))) : py::object(py::none());
    const bool retained = !chunk.retained.empty();
    out["retained"] =
        retained ? py::object(to_array(std::move(chunk.retained))) : py::object(py::none());
    return out;
}

struct NamesOut {
    TextColumn accounts;
    TextColumn instruments;
    TextColumn currencies;
};

// The first `known` names, read in small batches so that no writer waits. A checkpoint holds the
// names that its journal has by then, even if refused calls have added more since.
TextColumn names_of(Snapshot& snapshot, const Names& names, std::int32_t known) {
    const auto most = static_cast<std::size_t>(known);
    TextColumn out;
    for (std::size_t k = 0; k < most;) {
        const Reading reading(snapshot.names_lock());
        for (const auto end = std::min(most, k + tuning::kNamesUnderLock); k < end; ++k)
            out.push(names.text(static_cast<std::int32_t>(k)));
    }
    return out;
}

py::dict instruments(Snapshot& snapshot) {
    const State& state = snapshot.state();
    TextColumn names;
    InstrumentsTable table;
    {
        const Unlocked free;
        names =
            names_of(snapshot, snapshot.names().instruments, snapshot.names_known().instruments);
        table = instruments_table(state, names.offsets.size() - 1);
    }
    py::dict out;
    out["instrument"] = to_tuple(std::move(names));
    out["alive"] = to_array(std::move(table.alive));
    out["currency"] = to_array(std::move(table.currency));
    out["multiplier"] = to_array(std::move(table.multiplier));
    out["quote_factor"] = to_array(std::move(table.quote_factor));
    out["cash"] = to_array(std::move(table.cash));
    out["quantity_scale"] = to_array(std::move(table.quantity_scale));
    out["priced"] = to_array(std::move(table.priced));
    out["price"] = to_array(std::move(table.price));
    out["price_scale"] = to_array(std::move(table.price_scale));
    out["price_time"] = to_array(std::move(table.price_time));
    out["price_epoch"] = to_array(std::move(table.price_epoch));
    out["holdings"] = to_array(std::move(table.holdings));
    out["orders"] = to_array(std::move(table.orders));
    return out;
}

py::dict accounts(Snapshot& snapshot) {
    auto alive = snapshot.state().accounts_alive;
    const auto known = snapshot.names_known().accounts;
    auto names = unlocked(names_of, snapshot, snapshot.names().accounts, known);
    alive.resize(std::size_t(known));
    py::dict out;
    out["account"] = to_tuple(std::move(names));
    out["alive"] = to_array(std::move(alive));
    return out;
}

py::dict currencies(Snapshot& snapshot) {
    const State& state = snapshot.state();
    auto names = unlocked(names_of, snapshot, snapshot.names().currencies,
                          snapshot.names_known().currencies);
    std::vector<i128> rate;
    std::vector<std::uint8_t> divide;
    std::vector<std::int64_t> time;
    for (std::size_t c = 0; c + 1 < names.offsets.size(); ++c) {
        const Rate& r = state.board.rate(static_cast<std::int32_t>(c));
        rate.push_back(r.mantissa * kPow10[std::size_t(kMaxScale - r.scale)]);
        divide.push_back(r.divide ? 1 : 0);
        time.push_back(r.time);
    }
    py::dict out;
    out["currency"] = to_tuple(std::move(names));
    out["rate"] = to_array(std::move(rate));
    out["divide"] = to_array(std::move(divide));
    out["time"] = to_array(std::move(time));
    return out;
}

py::tuple dirty_instruments(Snapshot& snapshot) {
    const DirtyInstruments& t = snapshot.state().dirty_instruments;
    return py::make_tuple(t.next(), to_array(std::vector(t.held())),
                          to_array(std::vector(t.ordered())));
}

// The state between two writes: a snapshot, its counts, the sequence that it covers, and the feeds.
py::tuple checkpoint_begin(const std::shared_ptr<Book>& book) {
    StoredCounts counts;
    Feeds feeds;
    std::uint64_t sequence = 0;
    const auto snapshot = unlocked([&] {
        State state;
        NamesKnown names;
        sequence = book->at_rest(state, feeds, counts, names);
        return std::shared_ptr<Snapshot>(new Snapshot(book, std::move(state), names),
                                         DeleteUnlocked());
    });
    const IdKind kind = snapshot->state().orders.kind();
    py::dict out;
    out["epoch"] = raw(counts.epoch);
    out["masters"] = counts.masters;
    out["orders"] = counts.orders;
    out["ticks"] = counts.ticks;
    out["facts"] = counts.facts;
    for (const auto& [name, count] : to_counts(counts.dropped)) out[name] = count;
    out["order_ids"] = kind == IdKind::none ? "none" : kind == IdKind::text ? "text" : "integer";
    return py::make_tuple(snapshot, out, sequence,
                          std::map<std::string, std::int64_t>(feeds.begin(), feeds.end()));
}

std::uint32_t checksum(const py::buffer& data, std::uint32_t previous) {
    const auto info = data.request();
    if (PyBuffer_IsContiguous(info.view(), 'C') == 0)
        refuse_argument("crc32c: the buffer is not contiguous");
    const Unlocked free;
    return crc32c(info.ptr, static_cast<std::size_t>(info.size * info.itemsize), previous);
}

}  // namespace

void add_store(py::module_& m) {
    m.def("crc32c", &checksum, py::arg("data"), py::arg("previous") = 0);
    m.def("checkpoint_begin", &checkpoint_begin, py::arg("book"));
    m.def("stored_holdings", &holdings, py::arg("snapshot"), py::arg("begin"), py::arg("end"));
    m.def("stored_orders", &orders, py::arg("snapshot"), py::arg("begin"), py::arg("end"));
    m.def("stored_accounts", &accounts, py::arg("snapshot"));
    m.def("stored_instruments", &instruments, py::arg("snapshot"));
    m.def("stored_currencies", &currencies, py::arg("snapshot"));
    m.def("dirty_instruments", &dirty_instruments, py::arg("snapshot"));
}

}  // namespace mvcore::bindings
