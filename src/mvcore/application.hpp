// One batch on its way into the book.
//
//   stage    beside readers: builds the new state aside; every fault of the input comes out here
//   reserve  alone: finds units, proves bounds, makes room; may throw, no value has changed
//   commit   alone: cannot fail
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "batch.hpp"
#include "book.hpp"

namespace mvcore {

class Application {
public:
    Application(Book& book, const Batch& batch) : book_(book), batch_(batch) {}

    void stage();
    void reserve();
    void commit() noexcept;

private:
    // An instrument as it will be.
    struct Staged {
        std::int32_t code;
        Quote quote;
        Instrument instrument;
        i128 mantissa = 0;    // of the price, at quote.price_scale
        int least_scale = 4;  // of a new price; most share it, so a currency is one unit
        bool reset = false;   // not in the book before, or it comes back
    };
    struct Write {  // one cell of the grid
        std::int32_t account;
        std::int32_t instrument;
        i128 quantity;
        i128 before;
    };

    // application.cpp
    Staged& staged(std::int32_t instrument);
    void stage_all();
    void stage_accounts();
    void stage_instruments();
    void stage_rates();
    void stage_prices();
    void check_dropped() const;
    [[nodiscard]] std::uint32_t positions_after(std::int32_t account) const;

    // application_holdings.cpp
    void stage_holdings();
    void stage_refresh();
    // `rows`: by instrument; this one's are [begin, end).
    template <class Q>
    void fill_line(std::size_t i, const HoldingRows& rows, std::size_t begin, std::size_t end,
                   Instrument& instrument);
    void refuse_twice(std::int32_t account, std::int32_t instrument) const;
    void check_twice() const;
    [[nodiscard]] std::string where(const char* column, std::size_t row) const;

    // application_commit.cpp
    void find_unit(Staged& s);
    [[nodiscard]] std::optional<UnitId> find_bounds();
    void prove_bounds();
    void reserve_cells();
    void rescale(const Staged& s);
    void commit_quote(const Staged& s) noexcept;
    void commit_cells() noexcept;

    Book& book_;
    const Batch& batch_;
    std::unordered_map<std::int32_t, std::size_t> staged_at_;  // by instrument: place in staged_
    std::vector<Staged> staged_;
    std::vector<std::uint8_t> account_alive_;  // as it will be, where accounts change
    std::vector<Rate> rates_;
    std::vector<Write> writes_;
    std::vector<Write> rescaled_;  // cells that only change their scale
    std::unordered_map<std::int32_t, std::int32_t> position_changes_;
    Grid grid_;  // a full refresh
    std::vector<std::uint32_t> positions_;
    bool refreshed_ = false;
    bool tight_ = false;  // the bounds count prices as they are
    std::vector<std::pair<UnitId, Int<8>>> bounds_;
    std::uint64_t late_ = 0;
    std::uint64_t price_rows_ = 0;
};

}  // namespace mvcore
