// Lookups for selections, error messages and warnings. No tick uses them.
#include <algorithm>

#include "mvcore/bindings/parts.hpp"

namespace mvcore::bindings {
namespace {

// The codes of names; -1 for a name that the state does not have. `side`: "account", "instrument"
// or "currency". A currency is known if it is the base, or if an instrument or a rate uses it.
std::vector<std::int32_t> find_codes(Reader& reader, const std::string& side,
                                     const text::Column& names) {
    const Reading reading(reader.lock());
    const State& state = reader.state();
    const Vocabulary& known = reader.names();
    const auto code_of = [&](std::string_view name) {
        if (side == "account") {
            const auto code = reader.find(known.accounts, name);
            return state.account_alive(AccountCode(code)) ? code : -1;
        }
        if (side == "instrument") {
            const auto code = reader.find(known.instruments, name);
            return state.instrument_alive(InstrumentCode(code)) ? code : -1;
        }
        const auto code = reader.find(known.currencies, name);
        if (side == "any_currency") return code;  // also one that nothing uses now
        return state.currency_known(code) ? code : -1;
    };
    std::vector<std::int32_t> out;
    for (const auto& chunk : names.chunks)
        for (std::size_t k = 0; k < chunk.rows; ++k) {
            bool null = false;
            const auto name = text::name_at(chunk, k, null);
            out.push_back(null ? -1 : code_of(name));
        }
    return out;
}

// By currency code: how many instruments use it, and whether it converts into the base.
struct Currencies {
    std::vector<std::uint32_t> instruments;
    std::vector<std::uint8_t> convertible;
};

Currencies currencies_in_use(Reader& reader) {
    const Reading reading = short_reading(reader);
    const State& state = reader.state();
    Currencies out{state.currency_users, {}};
    const auto base = static_cast<std::size_t>(state.base);
    out.instruments.resize(
        std::max({state.currency_users.size(), state.board.rates().size(), base + 1}));
    for (std::size_t c = 0; c < out.instruments.size(); ++c) {
        const auto code = static_cast<std::int32_t>(c);
        out.convertible.push_back(code == state.base || state.board.rate(code).known() ? 1 : 0);
    }
    return out;
}

// Codes of currencies that instruments use but that do not convert into the base.
std::vector<std::int32_t> currencies_without_rate(Reader& reader) {
    const Reading reading = short_reading(reader);
    const State& state = reader.state();
    std::vector<std::int32_t> out;
    for (std::size_t c = 0; c < state.currency_users.size(); ++c) {
        const auto code = static_cast<std::int32_t>(c);
        if (state.currency_users[c] != 0 && code != state.base && !state.board.rate(code).known())
            out.push_back(code);
    }
    return out;
}

// The number of positions of each instrument. Holds the lock for one instrument at a time, so that
// no tick waits for long; the counts may belong to different epochs.
std::vector<std::uint32_t> positions_of(Reader& reader, const std::vector<std::int32_t>& codes) {
    std::vector<std::uint32_t> out;
    for (const auto code : codes) {
        const Reading reading(reader.lock());
        const State& state = reader.state();
        out.push_back(state.instrument_alive(InstrumentCode(code))
                          ? state.grid.positions(std::size_t(code))
                          : 0);
    }
    return out;
}

}  // namespace

void add_lookups(py::module_& m) {
    m.def(
        "find_codes",
        [](Reader& reader, const std::string& side, const text::Column& names) {
            return to_array(unlocked([&] { return find_codes(reader, side, names); }));
        },
        py::arg("reader"), py::arg("side"), py::arg("names"));
    m.def(
        "currencies_in_use",
        [](Reader& reader) {
            auto found = currencies_in_use(reader);
            return py::make_tuple(to_array(std::move(found.instruments)),
                                  to_array(std::move(found.convertible)));
        },
        py::arg("reader"));
    m.def("currencies_without_rate", &currencies_without_rate, py::arg("reader"));
    m.def(
        "positions_of",
        [](Reader& reader, const Codes& codes) {
            const std::vector<std::int32_t> wanted(codes.data(), codes.data() + codes.size());
            return to_array(unlocked([&] { return positions_of(reader, wanted); }));
        },
        py::arg("reader"), py::arg("codes"));
}

}  // namespace mvcore::bindings
