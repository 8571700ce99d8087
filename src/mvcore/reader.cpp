#include "reader.hpp"

#include <optional>

#include "application.hpp"
#include "errors.hpp"

namespace mvcore {

void Reader::check_open() const {
    if (closed_) throw Error(ErrorKind::closed, "the book is closed");
}

void Reader::unknown_currency(std::string_view call, std::string_view name) {
    throw Error(ErrorKind::unknown_id,
                std::string(call) + ": unknown currency '" + std::string(name) + "'");
}

void Reader::build_index() {
    {
        const Reading reading(state_lock_);
        if (read_.index.built()) return;
    }
    Writing writing(state_lock_);
    if (read_.index.built()) return;
    writing.publish();
    read_.index.build(read_.grid, read_.board);
    count_index_build();
}

AccountValue Reader::value(std::string_view account, std::string_view currency) {
    for (;;) {
        {
            const Reading reading(state_lock_);
            if (read_.index.built()) return value_of(account, currency);
        }
        build_index();
    }
}

AccountValue Reader::value_by_code(std::int32_t account, std::int32_t currency) {
    for (;;) {
        {
            const Reading reading(state_lock_);
            const auto asked = currency == -1 ? read_.base : currency;
            if (!read_.account_alive(account))
                throw Error(ErrorKind::unknown_id,
                            "value: unknown account code " + std::to_string(account));
            if (!read_.currency_known(asked))
                unknown_currency("value", "code " + std::to_string(asked));
            if (read_.index.built()) return Reads(read_, value_scale_).value(account, asked);
        }
        build_index();
    }
}

AccountValue Reader::value_of(std::string_view name, std::string_view asked) const {
    const auto account = find(vocabulary_.accounts, name);
    if (!read_.account_alive(account))
        throw Error(ErrorKind::unknown_id, "value: unknown account '" + std::string(name) + "'");
    if (asked == "local")
        throw Error(ErrorKind::invalid_input, "value: 'local' is not one currency");
    const auto currency = asked.empty() ? read_.base : find(vocabulary_.currencies, asked);
    if (!read_.currency_known(currency)) unknown_currency("value", asked);
    return Reads(read_, value_scale_).value(account, currency);
}

bool Reader::values(const Question& question, Figures& out) {
    if (Totals::goes_by_account(question.grouping)) build_index();
    std::uint64_t cells = 0;
    // The user's functions run on a copy, without the lock: they may take long or want the GIL.
    std::optional<State> seen;
    {
        const Reading reading(state_lock_);
        if (read_.masters != question.masters) return false;
        out = Reads(read_, value_scale_).values(question, cells);
        if (question.functions) seen = read_;
    }
    if (seen) Reads(*seen, value_scale_).run_functions(question, out);
    count_cells(cells);
    return true;
}

bool Reader::holdings(const Grouping& selection, std::uint64_t masters, Positions& out) {
    for (;;) {
        {
            const Reading reading(state_lock_);
            if (read_.masters != masters) return false;
            if (read_.index.built()) {
                out = Reads(read_, value_scale_).holdings(selection);
                return true;
            }
        }
        build_index();
    }
}

bool Reader::orders(const Grouping& selection, std::uint64_t masters, OrderList& out) {
    const Reading reading(state_lock_);
    if (read_.masters != masters) return false;
    out = Reads(read_, value_scale_).orders(selection);
    return true;
}

Revaluation Reader::revalue(std::string_view instrument) {
    const Reading reading(state_lock_);
    return revalue_of(instrument);
}

Revaluation Reader::revalue_of(std::string_view instrument) const {
    const auto code = find(vocabulary_.instruments, instrument);
    if (!read_.instrument_alive(code))
        throw Error(ErrorKind::unknown_id,
                    "revalue: unknown instrument '" + std::string(instrument) + "'");
    return Reads(read_, value_scale_).revalue(code);
}

PriceList Reader::prices() {
    const Reading reading(state_lock_);
    return Reads(read_, value_scale_).prices();
}

State hypothetical(const State& state, const Batch& batch) {
    State other = state;
    Application application(other, batch);
    application.stage();
    application.reserve();
    application.commit();
    return other;
}

}  // namespace mvcore
