// Columns of a state for files, and a state out of columns of files. What takes long runs without
// the GIL.
#include "../checksum.hpp"
#include "../errors.hpp"
#include "../restore.hpp"
#include "../snapshot.hpp"
#include "parts.hpp"

namespace mvcore::bindings {
namespace {

// ---- out ----

py::array ints(IntColumn&& column, std::size_t rows) {
    static constexpr std::array<const char*, 5> kTypes = {"i1", "i2", "i4", "i8", "i8"};
    auto* held = new std::vector<std::byte>(std::move(column.bytes));
    const py::capsule owner(held, [](void* p) { delete static_cast<std::vector<std::byte>*>(p); });
    std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(rows)};
    if (column.width == kernels::w128) shape.push_back(2);
    return {py::dtype(kTypes[column.width]), shape, held->data(), owner};
}

py::tuple to_tuple(TextColumn&& column) {
    auto offsets = to_array(std::move(column.offsets));
    return py::make_tuple(std::move(offsets), to_array(std::move(column.bytes)));
}

py::dict holdings(Snapshot& snapshot, std::int32_t begin, std::int32_t end) {
    auto chunk = unlocked(holdings_chunk, snapshot.state(), begin, end);
    py::dict out;
    out["instrument"] = ints(std::move(chunk.instrument), chunk.rows);
    out["account"] = ints(std::move(chunk.account), chunk.rows);
    out["quantity"] = ints(std::move(chunk.quantity), chunk.rows);
    return out;
}

py::dict orders(Snapshot& snapshot, std::int32_t begin, std::int32_t end) {
    auto chunk = unlocked(orders_chunk, snapshot.state(), begin, end);
    py::dict out;
    if (snapshot.state().orders.kind() == IdKind::text)
        out["order"] = to_tuple(std::move(chunk.text));
    else out["order"] = to_array(std::move(chunk.number));
    out["instrument"] = ints(std::move(chunk.instrument), chunk.rows);
    out["account"] = ints(std::move(chunk.account), chunk.rows);
    out["order_quantity"] = ints(std::move(chunk.quantity), chunk.rows);
    out["filled_quantity"] = ints(std::move(chunk.filled), chunk.rows);
    out["rolled_quantity"] = ints(std::move(chunk.rolled), chunk.rows);
    out["status"] = to_array(std::move(chunk.status));
    const bool timed = !chunk.time.empty();
    out["time"] = timed ? py::object(to_array(std::move(chunk.time))) : py::object(py::none());
    return out;
}

struct NamesOut {
    TextColumn accounts;
    TextColumn instruments;
    TextColumn currencies;
};

// The names that are known, a few at a time so that no writer waits. A checkpoint has those that
// its journal has by then, however much room calls that were refused have made since.
TextColumn names_of(Snapshot& snapshot, const Names& names, std::int32_t known) {
    constexpr std::size_t kTogether = 4096;
    const auto most = static_cast<std::size_t>(known);
    TextColumn out;
    for (std::size_t k = 0; k < most;) {
        const Reading reading(snapshot.names_lock());
        for (const auto end = std::min(most, k + kTogether); k < end; ++k)
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
    for (std::size_t c = 0; c + 1 < names.offsets.size(); ++c) {
        const Rate& r = state.board.rate(static_cast<std::int32_t>(c));
        rate.push_back(r.mantissa * kPow10[std::size_t(kMaxScale - r.scale)]);
        divide.push_back(r.divide ? 1 : 0);
    }
    py::dict out;
    out["currency"] = to_tuple(std::move(names));
    out["rate"] = to_array(std::move(rate));
    out["divide"] = to_array(std::move(divide));
    return out;
}

py::tuple touched(Snapshot& snapshot) {
    const Touched& t = snapshot.state().touched;
    return py::make_tuple(t.next(), to_array(std::vector(t.held())),
                          to_array(std::vector(t.ordered())));
}

// The state between two writes: a snapshot, its counts, the sequence that it goes up to, the feeds.
py::tuple checkpoint_begin(const std::shared_ptr<Book>& book) {
    StoredCounts counts;
    Feeds feeds;
    std::uint64_t sequence = 0;
    const auto snapshot = unlocked([&] {
        State state;
        NamesKnown names;
        sequence = book->at_rest(state, feeds, counts, names);
        return std::make_shared<Snapshot>(book, std::move(state), names);
    });
    const IdKind kind = snapshot->state().orders.kind();
    py::dict out;
    out["epoch"] = counts.epoch;
    out["masters"] = counts.masters;
    out["orders"] = counts.orders;
    out["ticks"] = counts.ticks;
    out["late_prices"] = counts.late_prices;
    out["late_orders"] = counts.late_orders;
    out["facts"] = counts.facts;
    out["order_ids"] = kind == IdKind::none ? "none" : kind == IdKind::text ? "text" : "integer";
    return py::make_tuple(snapshot, out, sequence,
                          std::map<std::string, std::int64_t>(feeds.begin(), feeds.end()));
}

// ---- in ----

using Bytes = py::array_t<std::uint8_t, py::array::c_style>;

// Integers of 8 to 64 bits, or of 128 as shape (n, 2); `rows` of them. None: there are none.
StoredInts to_ints(const py::object& given, std::size_t rows) {
    if (given.is_none()) return {};
    const auto array = py::cast<py::array>(given);
    const bool wide = array.ndim() == 2;
    const auto width = array.itemsize();
    if (array.dtype().kind() != 'i' || (array.flags() & py::array::c_style) == 0 ||
        (wide ? array.shape(1) != 2 || width != 8 : array.ndim() != 1) ||
        static_cast<std::size_t>(array.shape(0)) != rows)
        corrupt("a column is not what it should be");
    StoredInts out;
    out.data = static_cast<const std::byte*>(array.data());
    out.width = wide         ? kernels::w128
                : width == 1 ? kernels::w8
                : width == 2 ? kernels::w16
                : width == 4 ? kernels::w32
                             : kernels::w64;
    return out;
}

// (offsets, bytes), `rows` of them.
StoredTexts to_texts(const py::tuple& given, std::size_t rows) {
    const auto offsets = py::cast<py::array>(given[0]);
    const auto bytes = py::cast<Bytes>(given[1]);
    if (offsets.itemsize() != 4 || static_cast<std::size_t>(offsets.size()) != rows + 1)
        corrupt("a column of texts is not what it should be");
    return {static_cast<const std::byte*>(offsets.data()),
            reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(bytes.size())};
}

template <class T>
std::vector<T> to_vector(const py::dict& table, const char* column, std::size_t rows) {
    const auto array =
        py::cast<py::array_t<T, py::array::c_style | py::array::forcecast>>(table[column]);
    if (static_cast<std::size_t>(array.size()) != rows)
        corrupt(std::string(column) + " has not as many rows as the table");
    return {array.data(), array.data() + rows};
}

std::vector<i128> to_wide(const py::dict& table, const char* column, std::size_t rows) {
    const auto stored = to_ints(table[column], rows);
    if (stored.width != kernels::w128) corrupt(std::string(column) + " is no decimal");
    std::vector<i128> out(rows);
    std::memcpy(out.data(), stored.data, rows * sizeof(i128));
    return out;
}

StoredCounts to_counts(const py::dict& c) {
    const auto at = [&](const char* name) { return py::cast<std::uint64_t>(c[name]); };
    return {at("epoch"),       at("masters"),     at("orders"), at("ticks"),
            at("late_prices"), at("late_orders"), at("facts")};
}

IdKind to_kind(const std::string& name) {
    if (name == "none") return IdKind::none;
    if (name == "text") return IdKind::text;
    if (name == "integer") return IdKind::integer;
    corrupt("order ids are neither text nor integers: " + name);
}

void put_instruments(Restore& restore, const py::dict& table, std::size_t rows) {
    InstrumentsTable t;
    t.alive = to_vector<std::uint8_t>(table, "alive", rows);
    t.currency = to_vector<std::int32_t>(table, "currency", rows);
    t.multiplier = to_wide(table, "multiplier", rows);
    t.quote_factor = to_wide(table, "quote_factor", rows);
    t.quantity_scale = to_vector<std::uint8_t>(table, "quantity_scale", rows);
    t.priced = to_vector<std::uint8_t>(table, "priced", rows);
    t.price = to_wide(table, "price", rows);
    t.price_scale = to_vector<std::uint8_t>(table, "price_scale", rows);
    t.price_time = to_vector<std::int64_t>(table, "price_time", rows);
    t.price_epoch = to_vector<std::uint64_t>(table, "price_epoch", rows);
    const auto names = to_texts(table["instrument"], rows);
    const Unlocked free;
    restore.instruments(names, t);
}

void put_chunk(Restore& restore, std::int32_t begin, std::int32_t end, const py::dict& held,
               std::size_t held_rows, const py::dict& ordered, std::size_t order_rows) {
    StoredHoldings h;
    StoredOrders o;
    if (h.rows = held_rows; held_rows != 0) {
        h.instrument = to_ints(held["instrument"], held_rows);
        h.account = to_ints(held["account"], held_rows);
        h.quantity = to_ints(held["quantity"], held_rows);
    }
    if (o.rows = order_rows; order_rows != 0) {
        o.instrument = to_ints(ordered["instrument"], order_rows);
        o.account = to_ints(ordered["account"], order_rows);
        o.quantity = to_ints(ordered["order_quantity"], order_rows);
        o.filled = to_ints(ordered["filled_quantity"], order_rows);
        o.rolled = to_ints(ordered["rolled_quantity"], order_rows);
        o.status = to_ints(ordered["status"], order_rows);
        o.time = to_ints(ordered["time"], order_rows);
        if (py::isinstance<py::tuple>(ordered["order"]))
            o.text = to_texts(ordered["order"], order_rows);
        else o.number = to_ints(ordered["order"], order_rows);
    }
    const Unlocked free;
    restore.chunk(begin, end, h, o);
}

std::uint32_t checksum(const py::buffer& data, std::uint32_t previous) {
    const auto info = data.request();
    const Unlocked free;
    return crc32c(info.ptr, static_cast<std::size_t>(info.size * info.itemsize), previous);
}

}  // namespace

void add_store(py::module_& m) {
    m.attr("INDEX_TABLES") = OrderIndex::tables();
    m.def("crc32c", &checksum, py::arg("data"), py::arg("previous") = 0);
    m.def("checkpoint_begin", &checkpoint_begin);
    m.def("stored_holdings", &holdings);
    m.def("stored_orders", &orders);
    m.def("stored_accounts", &accounts);
    m.def("stored_instruments", &instruments);
    m.def("stored_currencies", &currencies);
    m.def("touched", &touched);
    py::class_<Restore>(m, "Restore")
        .def(py::init([](const std::string& base, const std::string& kind, const py::dict& counts) {
            return std::make_unique<Restore>(base, to_kind(kind), to_counts(counts));
        }))
        .def("currencies",
             [](Restore& r, const py::dict& table, std::size_t rows) {
                 r.currencies(to_texts(table["currency"], rows), rows,
                              {to_wide(table, "rate", rows),
                               to_vector<std::uint8_t>(table, "divide", rows)});
             })
        .def("accounts",
             [](Restore& r, const py::dict& table, std::size_t rows) {
                 r.accounts(to_texts(table["account"], rows),
                            to_vector<std::uint8_t>(table, "alive", rows));
             })
        .def("instruments", &put_instruments)
        .def("chunk", &put_chunk)
        .def("index",
             [](Restore& r, std::size_t begin, std::size_t end) {
                 const Unlocked free;
                 r.index(begin, end);
             })
        .def("finish", [](Restore& r, Book& book) {
            const Unlocked free;
            r.finish();
            book.adopt(r);
        });
}

}  // namespace mvcore::bindings
