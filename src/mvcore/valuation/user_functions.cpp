#include "mvcore/valuation/user_functions.hpp"

#include <algorithm>
#include <limits>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/tuning.hpp"

namespace mvcore {
namespace {

// Converts float amounts to the target currency, if the rates are known.
class FloatRate {
public:
    // into: the currency of the amounts; kLocal: no conversion.
    FloatRate(const Board& board, std::int32_t currency, std::int32_t into, std::int32_t base) {
        if (into == kLocal || currency == into) return;
        source_ = factor(board, currency, base, false);
        target_ = factor(board, into, base, true);
    }
    [[nodiscard]] bool possible() const noexcept { return possible_; }
    void convert(double* amounts, std::size_t n) const noexcept {
        apply(source_, amounts, n);
        apply(target_, amounts, n);
    }

private:
    struct Factor {
        double value = 1;
        bool divide = false;
    };
    // The conversion from the currency into the base, or back.
    Factor factor(const Board& board, std::int32_t currency, std::int32_t base, bool back) {
        if (currency == base) return {};
        const Rate& rate = board.rate(currency);
        possible_ = possible_ && rate.known();
        const double factor = to_double(rate.factor.mantissa, rate.factor.scale);
        return {to_double(rate.mantissa, rate.scale) / factor, rate.divide != back};
    }
    static void apply(const Factor& f, double* amounts, std::size_t n) noexcept {
        if (f.value == 1) return;
        if (f.divide)
            for (std::size_t k = 0; k < n; ++k) amounts[k] /= f.value;
        else
            for (std::size_t k = 0; k < n; ++k) amounts[k] *= f.value;
    }

    bool possible_ = true;
    Factor source_;
    Factor target_;
};

// Rows and quantities of one instrument's positions, kFunctionPositions at a time, plus one scratch
// element.
struct Columns {
    std::vector<std::uint32_t> row = std::vector<std::uint32_t>(tuning::kFunctionPositions + 1);
    std::vector<double> quantity = std::vector<double>(tuning::kFunctionPositions + 1);
    std::vector<double> out = std::vector<double>(tuning::kFunctionPositions);
    std::size_t n = 0;
};

class Run {
public:
    Run(const State& state, const Grouping& grouping,
        const std::vector<std::vector<std::int32_t>>& levels, const Target& target,
        const ResultRows& rows)
        : state_(state), grouping_(grouping), levels_(levels), target_(target), rows_(rows) {
        if (rows.pairs.empty()) {
            table_ = RowTable::dense(grouping.account_groups, grouping.rows());
        } else {
            for (const GroupPair pair : rows.pairs) table_.add(pair);
        }
        row_count_ = levels.empty() ? table_.size() : 0;
        for (const auto& level : levels)
            for (const auto row : level) row_count_ = std::max(row_count_, std::size_t(row) + 1);
        grouping.for_accounts([&](AccountCode account, std::int32_t group) {
            picked_.emplace_back(static_cast<std::uint32_t>(account),
                                 static_cast<std::uint32_t>(group));
        });
        few_ = grouping.few(picked_.size(), state.grid.rows());
    }

    void add(const UserFunction& function) {
        sums_.clear();
        const Board& board = state_.board;
        for (const auto i : instruments_below(board.size()))
            if (grouping_.of_instrument(i) >= 0 && (board.quote(i).priced || !asks_price(function)))
                add_instrument(function, i);
    }
    // One number for each of the result rows.
    [[nodiscard]] std::vector<double> result() const {
        MVCORE_ASSERT(!target_.local() || rows_.currency.size() == rows_.size());
        std::vector<double> out(rows_.size(), 0.0);
        for (std::size_t k = 0; k < out.size(); ++k) {
            const auto place = target_.local() ? std::size_t(rows_.currency[k]) : 0;
            if (place >= sums_.size() || sums_[place].empty()) continue;
            const auto row = rows_.pairs.empty() ? std::size_t(rows_.row[k])
                                                 : std::size_t(table_.find(rows_.pairs[k]));
            out[k] = sums_[place][row];
        }
        return out;
    }

private:
    static bool asks_price(const UserFunction& function) {
        return std::find(function.constants.begin(), function.constants.end(),
                         UserFunction::price) != function.constants.end();
    }
    [[nodiscard]] double constant(const UserFunction& function, std::int32_t source,
                                  InstrumentCode i) const {
        const Board& board = state_.board;
        const Terms& terms = board.instrument(i).terms;
        auto number = [](const Decimal& d) { return to_double(d.mantissa, d.scale); };
        switch (source) {
            case UserFunction::price:
                return to_double(board.price_mantissa(i), board.quote(i).price_scale);
            case UserFunction::multiplier: return number(terms.multiplier);
            case UserFunction::quote_factor: return number(terms.quote_factor);
            default: break;
        }
        MVCORE_ASSERT(source >= UserFunction::first_attribute);
        MVCORE_ASSERT(std::size_t(source - UserFunction::first_attribute) <
                      function.attributes.size());
        const auto& values =
            function.attributes[std::size_t(source - UserFunction::first_attribute)];
        return std::size_t(i) < values.size() ? values[std::size_t(i)]
                                              : std::numeric_limits<double>::quiet_NaN();
    }
    // Sums of the instrument's currency, or of all currencies if amounts are converted.
    std::vector<double>& sums_of(std::int32_t currency) {
        const auto place = target_.local() ? std::size_t(currency) : 0;
        if (place >= sums_.size()) sums_.resize(place + 1);
        sums_[place].resize(row_count_, 0.0);
        return sums_[place];
    }
    void add_instrument(const UserFunction& function, InstrumentCode i) {
        if (state_.grid.positions(std::size_t(i)) == 0) return;
        const Instrument& instrument = state_.board.instrument(i);
        rates_.clear();
        const auto add_rate = [&](std::int32_t into) {
            rates_.emplace_back(state_.board, instrument.terms.currency, into, target_.base);
        };
        if (target_.own == nullptr) add_rate(target_.currency);
        else
            std::for_each(target_.own->currencies().begin(), target_.own->currencies().end(),
                          add_rate);
        if (std::none_of(rates_.begin(), rates_.end(), [](auto& r) { return r.possible(); }))
            return;
        constants_.clear();
        for (const auto source : function.constants)
            constants_.push_back(constant(function, source, i));
        auto& sums = sums_of(instrument.terms.currency);
        auto flush = [&] {
            if (columns_.n == 0) return;
            function.callback(static_cast<std::int64_t>(columns_.n), columns_.quantity.data(),
                              constants_.data(), columns_.out.data());
            if (target_.own == nullptr) rates_[0].convert(columns_.out.data(), columns_.n);
            else convert_each();
            add_up(sums);
            columns_.n = 0;
        };
        gather(function, i, instrument.quantity_scale, flush);
        flush();
    }
    // Converts each amount into the currency of its accounts. 0 if that has no rate.
    void convert_each() {
        for (std::size_t k = 0; k < columns_.n; ++k) {
            const auto group = table_.pair(columns_.row[k]).account_group;
            const FloatRate& rate = rates_[target_.own->place_of_group(group)];
            if (rate.possible()) rate.convert(&columns_.out[k], 1);
            else columns_.out[k] = 0;
        }
    }
    // Calls flush(), which empties the columns, if the next positions would not fit.
    template <class Flush>
    void gather(const UserFunction& function, InstrumentCode i, int scale, Flush&& flush) {
        const auto line = static_cast<std::size_t>(i);
        MVCORE_ASSERT(scale >= 0 && scale <= kMaxScale);
        const auto instrument_group = static_cast<std::uint32_t>(grouping_.of_instrument(i));
        if (few_) {
            for (const auto& [account, group] : picked_) {
                const Net net = state_.grid.get(line, account);
                if (!held(net)) continue;
                if (columns_.n == tuning::kFunctionPositions) flush();
                columns_.row[columns_.n] = table_.find({instrument_group, group});
                MVCORE_ASSERT(columns_.row[columns_.n] != RowTable::kNone);
                columns_.quantity[columns_.n++] = number(net[function.quantity], scale);
            }
            return;
        }
        for (std::size_t b = 0; b < state_.grid.blocks(); ++b) {
            const Block& block = state_.grid.block(line, b);
            if (columns_.n + block.count() > tuning::kFunctionPositions) flush();
            const auto start = static_cast<std::uint32_t>(b * Block::kRows);
            if (block.empty()) continue;
            with_quantity(block.width(), block.quantity(0), [&](const auto* sods) {
                const auto row_of = [&](std::uint32_t row) {
                    return this->row_of(instrument_group, start + row);
                };
                gather_block(block, sods, function.quantity, scale, row_of);
            });
        }
    }
    // kNone if the account is not selected, or if no result row is of the account.
    [[nodiscard]] std::uint32_t row_of(std::uint32_t instrument_group,
                                       std::uint32_t account) const {
        const auto group = grouping_.of_account(AccountCode(account));
        // the dense rows of an instrument group end at its last account
        if (group < 0 || std::uint32_t(group) >= grouping_.account_groups) return RowTable::kNone;
        return table_.find({instrument_group, static_cast<std::uint32_t>(group)});
    }
    // Branch-free: the next row overwrites a row that is no position or is not selected.
    template <class Q, class Row>
    void gather_block(const Block& block, const Q* sods, Measure asked, int scale, Row&& row_of) {
        const Q* quantity = static_cast<const Q*>(block.quantity(asked));
        const Q* currents = static_cast<const Q*>(block.quantity(current));
        const Q* expecteds = static_cast<const Q*>(block.quantity(expected));
        const std::uint16_t* offset = block.dense() ? nullptr : block.offset();
        std::size_t n = columns_.n;
        // the last write lands at most at kFunctionPositions, the scratch element
        MVCORE_ASSERT(n + block.count() <= tuning::kFunctionPositions);
        for (std::uint32_t k = 0; k < block.count(); ++k) {
            const std::uint32_t row = row_of(offset != nullptr ? offset[k] : k);
            columns_.row[n] = row;
            columns_.quantity[n] = number(quantity[k], scale);
            const bool position = (sods[k] | currents[k] | expecteds[k]) != 0;
            n += static_cast<std::size_t>(position & (row != RowTable::kNone));
        }
        columns_.n = n;
    }
    // The nearest float.
    template <class Q>
    static double number(Q quantity, int scale) {
        if constexpr (sizeof(Q) <= 4) return static_cast<double>(quantity) / kPower[scale];
        else return to_double(quantity, scale);
    }
    static constexpr double kPower[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                        1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
    // Subtotals add every position too. Sums of sums would depend on the numbering of rows.
    void add_up(std::vector<double>& sums) const {
        MVCORE_ASSERT(columns_.n <= tuning::kFunctionPositions && sums.size() == row_count_);
        if (levels_.empty())
            for (std::size_t k = 0; k < columns_.n; ++k) sums[columns_.row[k]] += columns_.out[k];
        for (const auto& level : levels_)
            for (std::size_t k = 0; k < columns_.n; ++k)
                sums[std::size_t(level[columns_.row[k]])] += columns_.out[k];
    }

    const State& state_;
    const Grouping& grouping_;
    const std::vector<std::vector<std::int32_t>>& levels_;
    const Target& target_;
    const ResultRows& rows_;
    RowTable table_;             // numbers the rows of the grouping
    std::size_t row_count_ = 0;  // rows of the grouping, or of its roll-up
    std::vector<std::pair<std::uint32_t, std::uint32_t>> picked_;  // account, group
    bool few_ = false;
    Columns columns_;
    std::vector<double> constants_;
    std::vector<FloatRate> rates_;  // from the instrument's currency; one, or by own currency
    std::vector<std::vector<double>> sums_;  // by row; by currency if each is separate
};

}  // namespace

std::vector<std::vector<double>> run_user_functions(
    const State& state, const Grouping& grouping,
    const std::vector<std::vector<std::int32_t>>& levels, const Target& target,
    const UserFunctions& functions, const ResultRows& rows) {
    std::vector<std::vector<double>> out;
    if (rows.size() == 0) return std::vector<std::vector<double>>(functions.size());
    Run run(state, grouping, levels, target, rows);
    for (const auto& function : functions) {
        run.add(function);
        out.push_back(run.result());
    }
    return out;
}

}  // namespace mvcore
