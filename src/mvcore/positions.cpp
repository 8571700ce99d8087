#include "positions.hpp"

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
        places_ += block.count();
        holdings_ += block.columns() == 1
                         ? block.positions()
                         : kernels::table().nonzero[block.width()](&quantity, 1, block.count());
    }
    state.orders.for_pages(instrument, [&](const PageRef& page) { pages_.push_back(page); });
    if (!priced_) return;
    const i256 price = board.price_of(instrument);
    const int scale = board.value_scale(instrument);
    std::int64_t factor = 0;
    if (quick(price, value_scale - scale, factor)) value_quickly(factor);
    else value_slowly(price, scale, value_scale);
}

bool Revaluation::quick(const i256& price, int shift, std::int64_t& factor) const {
    if (shift < 0 || shift > 18 || !price.fits64() ||
        __builtin_mul_overflow(price.low64(), static_cast<std::int64_t>(kPow10[std::size_t(shift)]),
                               &factor))
        return false;
    const int bits = i256(factor).magnitude().bits();
    bool fits = orders_ == 0 || bits + 31 < 63;
    for (const Block& block : blocks_) fits = fits && bits_of(block.width()) + bits < 63;
    for (const PageRef& page : pages_) fits = fits && !page->wide;
    return fits;
}

void Revaluation::value_quickly(std::int64_t factor) {
    values_.reset(new std::int64_t[places_ + orders_ + 1]);  // a free record last writes there
    std::int64_t* out = values_.get();
    for (const Block& block : blocks_) {
        kernels::table().value64[block.width()](block.quantity(sod), block.count(), factor, out);
        out += block.count();
    }
    for (const PageRef& page : pages_) {
        const OrderRecord* records = page->records.get();
        for (std::uint32_t k = 0; k < page->used; ++k) {
            *out = records[k].quantity * factor;
            out += records[k].free() ? 0 : 1;
        }
    }
}

void Revaluation::value_slowly(const i256& price, int scale, int value_scale) {
    wide_values_.resize(places_ + orders_);
    for_holdings([&](auto place, auto, i128 quantity) {
        wide_values_[place] = value_amount(i256(quantity) * price, scale, value_scale);
    });
    std::size_t place = places_;
    for_orders([&](const OrderPage& page, std::uint32_t k) {
        const i256 quantity(OrderStore::order(page, k).quantity);
        wide_values_[place++] = value_amount(quantity * price, scale, value_scale);
    });
}

template <class F>
void Revaluation::for_holdings(F&& f) const {
    std::size_t first = 0;
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
        const Block& block = blocks_[b];
        const auto start = static_cast<std::uint32_t>(b * Block::kRows);
        with_quantity(block.width(), block.quantity(sod), [&](const auto* q) {
            for (std::uint32_t k = 0; k < block.count(); ++k) {
                const std::uint32_t row = block.dense() ? k : block.offset()[k];
                if (q[k] != 0) f(first + k, start + row, static_cast<i128>(q[k]));
            }
        });
        first += block.count();
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
    for_holdings([&](auto, auto row, i128) { out.push_back(static_cast<std::int32_t>(row)); });
    for_orders(
        [&](const OrderPage& page, std::uint32_t k) { out.push_back(page.records[k].account()); });
    return out;
}

std::vector<i128> Revaluation::quantities() const {
    std::vector<i128> out;
    out.reserve(size());
    const i128 unit = kPow10[std::size_t(18 - quantity_scale_)];
    for_holdings([&](auto, auto, i128 quantity) { out.push_back(quantity * unit); });
    for_orders([&](const OrderPage& page, std::uint32_t k) {
        out.push_back(OrderStore::order(page, k).quantity * unit);
    });
    return out;
}

std::vector<i128> Revaluation::values() const {
    std::vector<i128> out;
    out.reserve(size());
    auto value = [&](std::size_t place) {
        return !priced_ ? i128{0} : values_ ? i128{values_[place]} : wide_values_[place];
    };
    for_holdings([&](auto place, auto, i128) { out.push_back(value(place)); });
    for (std::size_t k = 0; k < orders_; ++k) out.push_back(value(places_ + k));
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
