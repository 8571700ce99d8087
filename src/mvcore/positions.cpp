#include "positions.hpp"

#include <algorithm>

#include "amounts.hpp"

namespace mvcore {
namespace {

int bits_of(Width width) { return static_cast<int>(8 * kernels::width_bytes(width)) - 1; }

}  // namespace

Revaluation::Revaluation(const State& state, std::int32_t instrument, int value_scale)
    : epoch_(state.epoch),
      orders_(state.orders.count(instrument)),
      kind_(state.orders.kind()),
      arena_(state.orders.arena()) {
    const Board& board = state.board;
    const Quote& quote = board.quote(instrument);
    quantity_scale_ = board.instrument(instrument).quantity_scale;
    priced_ = quote.priced;
    if (priced_) price_ = board.price_mantissa(instrument) * kPow10[18U - quote.price_scale];
    for (std::size_t b = 0; b < state.grid.blocks(); ++b) {
        const Block& block = state.grid.block(std::size_t(instrument), b);
        const void* quantity = block.quantity(sod);
        blocks_.push_back(block);
        holdings_ += block.columns() == 1
                         ? block.positions()
                         : kernels::table().nonzero[block.width()](&quantity, 1, block.count());
    }
    state.orders.for_pages(instrument, [&](const PageRef& page) { pages_.push_back(page); });
    if (!priced_) return;
    exact_price_ = board.price_of(instrument);
    scale_ = board.value_scale(instrument);
    value_scale_ = value_scale;
    if (may_overflow()) static_cast<void>(values());
}

// By the widths of the quantities: what 126 bits hold has no more than 38 digits.
bool Revaluation::may_overflow() const {
    int bits = orders_ == 0 ? 0 : 31;
    for (const Block& block : blocks_) bits = std::max(bits, bits_of(block.width()));
    for (const PageRef& page : pages_) bits = page->wide ? 127 : bits;
    const i256 power = pow10<4>(std::max(value_scale_ - scale_, 0));
    return bits + exact_price_.magnitude().bits() + power.bits() > 126;
}

template <class F>
void Revaluation::for_holdings(F&& f) const {
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
        const Block& block = blocks_[b];
        const auto start = static_cast<std::uint32_t>(b * Block::kRows);
        with_quantity(block.width(), block.quantity(sod), [&](const auto* q) {
            for (std::uint32_t k = 0; k < block.count(); ++k) {
                const std::uint32_t row = block.dense() ? k : block.offset()[k];
                if (q[k] != 0) f(start + row, static_cast<i128>(q[k]));
            }
        });
    }
}

template <class F>
void Revaluation::for_orders(F&& f) const {
    for (const PageRef& page : pages_)
        for (std::uint32_t k = 0; k < page->used; ++k)
            if (!page->records[k].free()) f(*page, k);
}

std::vector<std::int32_t> Revaluation::accounts() const {
    std::vector<std::int32_t> out;
    out.reserve(size());
    for_holdings([&](auto row, i128) { out.push_back(static_cast<std::int32_t>(row)); });
    for_orders(
        [&](const OrderPage& page, std::uint32_t k) { out.push_back(page.records[k].account()); });
    return out;
}

std::vector<i128> Revaluation::quantities() const {
    std::vector<i128> out;
    out.reserve(size());
    const i128 unit = kPow10[std::size_t(18 - quantity_scale_)];
    for_holdings([&](auto, i128 quantity) { out.push_back(quantity * unit); });
    for_orders([&](const OrderPage& page, std::uint32_t k) {
        out.push_back(OrderStore::order(page, k).quantity * unit);
    });
    return out;
}

std::vector<i128> Revaluation::values() const {
    if (!priced_) return std::vector<i128>(size(), 0);
    const int shift = value_scale_ - scale_;
    i128 factor = 0;
    if (shift >= 0 && shift <= 38 && exact_price_.fits64() && !may_overflow() &&
        !__builtin_mul_overflow(i128{exact_price_.low64()}, kPow10[std::size_t(shift)], &factor))
        return multiplied(factor);
    std::vector<i128> out;
    out.reserve(size());
    const auto value = [&](i128 quantity) {
        return value_amount(quantity, exact_price_, scale_, value_scale_);
    };
    for_holdings([&](auto, i128 quantity) { out.push_back(value(quantity)); });
    for_orders([&](const OrderPage& page, std::uint32_t k) {
        out.push_back(value(OrderStore::order(page, k).quantity));
    });
    return out;
}

// Every place is written and then kept or not, so that nothing depends on what is there. No page
// has wide orders: they may overflow.
std::vector<i128> Revaluation::multiplied(i128 factor) const {
    std::vector<i128> out(size() + 1);  // what is left out last is written there
    i128* next = out.data();
    for (const Block& block : blocks_)
        with_quantity(block.width(), block.quantity(sod), [&](const auto* q) {
            for (std::uint32_t k = 0; k < block.count(); ++k) {
                *next = q[k] * factor;
                next += q[k] != 0 ? 1 : 0;
            }
        });
    for (const PageRef& page : pages_)
        for (std::uint32_t k = 0; k < page->used; ++k) {
            *next = page->records[k].quantity * factor;
            next += page->records[k].free() ? 0 : 1;
        }
    out.pop_back();
    return out;
}

std::vector<std::int64_t> Revaluation::numbers() const {
    std::vector<std::int64_t> out;
    for_orders([&](const OrderPage& page, std::uint32_t k) {
        out.push_back(OrderStore::number(page, k));
    });
    return out;
}

std::vector<std::string_view> Revaluation::texts() const {
    std::vector<std::string_view> out;
    for_orders([&](const OrderPage& page, std::uint32_t k) {
        out.push_back(arena_->text(page.records[k].id));
    });
    return out;
}

}  // namespace mvcore
