#include "mvcore/valuation/position_lists.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <utility>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/prefetch.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/board/conversion.hpp"

namespace mvcore {
namespace {

// Prefetches the records of a page. The hardware prefetcher continues along a memory page once
// accesses to it have begun.
void prefetch_records(const OrderPage& page) {
    constexpr std::size_t kLine = 64;
    const auto* begin = reinterpret_cast<const std::byte*>(page.records.get());
    for (std::size_t at = 0; at < page.used * sizeof(OrderRecord); at += kLine)
        prefetch(begin + at);
}

int bits_of(Width width) { return static_cast<int>(8 * kernels::width_bytes(width)) - 1; }

}  // namespace

Revaluation::Revaluation(const State& state, InstrumentCode instrument, int value_scale)
    : epoch_(state.epoch),
      orders_(state.orders.count(instrument)),
      kind_(state.orders.kind()),
      arena_(state.orders.arena()) {
    const Board& board = state.board;
    const Quote& quote = board.quote(instrument);
    quantity_scale_ = board.instrument(instrument).quantity_scale;
    currency_ = board.instrument(instrument).terms.currency;
    MVCORE_ASSERT(quantity_scale_ >= 0 && quantity_scale_ <= kMaxScale);
    MVCORE_ASSERT(orders_ == 0 || state.orders.scale(instrument) == quantity_scale_);
    MVCORE_ASSERT(quote.price_scale <= kMaxScale);
    priced_ = quote.priced;
    if (priced_) price_ = board.price_mantissa(instrument) * kPow10[18U - quote.price_scale];
    for (std::size_t b = 0; b < state.grid.blocks(); ++b) {
        const Block& block = state.grid.block(code_index(instrument), b);
        const void* quantity = block.quantity(sod);
        blocks_.push_back(block);
        held_.push_back(block.columns() == 1
                            ? block.positions()
                            : static_cast<std::uint32_t>(kernels::table().nonzero[block.width()](
                                  &quantity, 1, block.count())));
        holdings_ += held_.back();
        MVCORE_ASSERT(held_.back() <= block.positions());
    }
    std::size_t used = 0;
    state.orders.for_pages(instrument, [&](const PageRef& page) {
        used += page->used;
        MVCORE_ASSERT(page->instrument == instrument && page->used <= page->capacity);
        pages_.push_back(page);
    });
    MVCORE_ASSERT(used >= orders_ && held_.size() == blocks_.size());
    gaps_ = used != orders_;
    if (!priced_) return;
    exact_price_ = board.price_of(instrument);
    scale_ = board.value_scale(instrument);
    value_scale_ = value_scale;
    // Values of at most 126 bits fit 38 digits. Wider ones may overflow: computing them here makes
    // the constructor throw.
    if (most_bits() > 126) static_cast<void>(values());
}

int Revaluation::most_bits() const {
    int bits = orders_ == 0 ? 0 : 31;
    for (const Block& block : blocks_) bits = std::max(bits, bits_of(block.width()));
    for (const PageRef& page : pages_) bits = page->wide ? 127 : bits;
    const i256 power = pow10<4>(std::max(value_scale_ - scale_, 0));
    return bits + exact_price_.magnitude().bits() + power.bits();
}

bool Revaluation::whole_factor(i128& factor) const {
    const int shift = value_scale_ - scale_;
    return priced_ && shift >= 0 && shift <= 38 && exact_price_.fits64() && most_bits() <= 126 &&
           !__builtin_mul_overflow(i128{exact_price_.low64()}, kPow10[std::size_t(shift)], &factor);
}

std::optional<huge_pages::Vector<std::int64_t>> Revaluation::narrow_values() const {
    i128 factor = 0;
    if (!whole_factor(factor) || factor != static_cast<std::int64_t>(factor)) return std::nullopt;
    const auto narrow = static_cast<std::int64_t>(factor);
    auto fast = multiplied_fast(narrow);
    return fast ? std::move(fast) : multiplied(narrow);
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

huge_pages::Vector<std::int32_t> Revaluation::accounts() const {
    huge_pages::Vector<std::int32_t> out;
    out.reserve(size());
    for_holdings([&](auto row, i128) { out.push_back(static_cast<std::int32_t>(row)); });
    for_orders([&](const OrderPage& page, std::uint32_t k) {
        out.push_back(raw(page.records[k].account()));
    });
    MVCORE_ASSERT(out.size() == size());
    return out;
}

huge_pages::Vector<i128> Revaluation::quantities() const {
    huge_pages::Vector<i128> out;
    out.reserve(size());
    const i128 unit = kPow10[std::size_t(18 - quantity_scale_)];
    for_holdings([&](auto, i128 quantity) { out.push_back(quantity * unit); });
    for_orders([&](const OrderPage& page, std::uint32_t k) {
        out.push_back(OrderStore::order(page, k).quantity * unit);
    });
    MVCORE_ASSERT(out.size() == size());
    return out;
}

huge_pages::Vector<i128> Revaluation::values() const {
    if (!priced_) return huge_pages::Vector<i128>(size(), 0);
    i128 factor = 0;
    if (whole_factor(factor)) return *multiplied(factor);
    huge_pages::Vector<i128> out;
    out.reserve(size());
    const auto value = [&](i128 quantity) {
        return value_amount(quantity, exact_price_, scale_, value_scale_);
    };
    for_holdings([&](auto, i128 quantity) { out.push_back(value(quantity)); });
    for_orders([&](const OrderPage& page, std::uint32_t k) {
        out.push_back(value(OrderStore::order(page, k).quantity));
    });
    MVCORE_ASSERT(out.size() == size());
    return out;
}

std::optional<huge_pages::Vector<std::int64_t>> Revaluation::multiplied_fast(
    std::int64_t factor) const {
    static_assert(offsetof(OrderRecord, quantity) == 4);
    const auto& kernel = kernels::table();
    huge_pages::Vector<std::int64_t> out(size() + 1);
    std::int64_t* next = out.data();
    std::uint64_t bits = 0;  // of the quantities
    const auto filter = [&](std::int64_t quantity, bool kept) {
        bits |= static_cast<std::uint64_t>(quantity < 0 ? ~quantity : quantity);
        *next = static_cast<std::int64_t>(static_cast<std::uint64_t>(quantity) *
                                          static_cast<std::uint64_t>(factor));
        next += kept ? 1 : 0;
    };
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
        const Block& block = blocks_[b];
        const auto width = block.width();
        if (width == kernels::w128) return std::nullopt;
        const auto* column = static_cast<const std::byte*>(block.quantity(sod));
        // Few pieces have a zero, so most need no filter.
        for (std::uint32_t k = 0; k < block.count(); k += tuning::kRevaluedAtOnce) {
            const auto n = std::min(block.count() - k, tuning::kRevaluedAtOnce);
            const void* piece = column + k * kernels::width_bytes(width);
            if (held_[b] == block.count() || kernel.nonzero[width](&piece, 1, n) == n) {
                bits |= kernel.multiply64[width](piece, n, factor, next);
                next += n;
                continue;
            }
            with_quantity(width, piece, [&](const auto* q) {
                for (std::uint32_t j = 0; j < n; ++j)
                    filter(static_cast<std::int64_t>(q[j]), q[j] != 0);
            });
        }
    }
    for (std::size_t p = 0; p < pages_.size(); ++p) {
        if (p + 1 < pages_.size()) prefetch_records(*pages_[p + 1]);
        const OrderPage& page = *pages_[p];
        MVCORE_ASSERT(page.wide == nullptr);
        if (!gaps_) {
            bits |= kernel.multiply_second(page.records.get(), page.used, factor, next);
            next += page.used;
            continue;
        }
        for (std::uint32_t k = 0; k < page.used; ++k)
            filter(page.records[k].quantity, !page.records[k].free());
    }
    MVCORE_ASSERT(next == out.data() + size());
    // |quantity| <= 2^width of the bits, |factor| < 2^width of its magnitude.
    if (std::bit_width(bits) + std::bit_width(static_cast<std::uint64_t>(magnitude(factor))) > 63)
        return std::nullopt;
    out.pop_back();
    return out;
}

// Branch-free filter: writes every value, then advances only past values to keep. The last value
// left out may land one place behind the end, hence size() + 1. Callers ensure that no page has
// wide orders, whose values may overflow.
template <class T>
std::optional<huge_pages::Vector<T>> Revaluation::multiplied(T factor) const {
    huge_pages::Vector<T> out(size() + 1);
    T* next = out.data();
    bool over = false;
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
        const Block& block = blocks_[b];
        with_quantity(block.width(), block.quantity(sod), [&](const auto* q) {
            const bool all = held_[b] == block.count();
            for (std::uint32_t k = 0; k < block.count(); ++k) {
                over |= __builtin_mul_overflow(q[k], factor, next);
                next += all || q[k] != 0 ? 1 : 0;
            }
        });
    }
    for (std::size_t p = 0; p < pages_.size(); ++p) {
        if (p + 1 < pages_.size()) prefetch_records(*pages_[p + 1]);
        const OrderPage& page = *pages_[p];
        MVCORE_ASSERT(page.wide == nullptr);
        for (std::uint32_t k = 0; k < page.used; ++k) {
            over |= __builtin_mul_overflow(page.records[k].quantity, factor, next);
            next += gaps_ && page.records[k].free() ? 0 : 1;
        }
    }
    MVCORE_ASSERT(next == out.data() + size());
    if (over) return std::nullopt;
    out.pop_back();
    return out;
}

std::vector<std::int64_t> Revaluation::numbers() const {
    MVCORE_ASSERT(kind_ == IdKind::integer || orders_ == 0);
    std::vector<std::int64_t> out;
    for_orders([&](const OrderPage& page, std::uint32_t k) {
        out.push_back(OrderStore::number(page, k));
    });
    MVCORE_ASSERT(out.size() == orders_);
    return out;
}

std::vector<std::string_view> Revaluation::texts() const {
    MVCORE_ASSERT(kind_ == IdKind::text || orders_ == 0);
    std::vector<std::string_view> out;
    for_orders([&](const OrderPage& page, std::uint32_t k) {
        out.push_back(arena_->text(page.records[k].id));
    });
    MVCORE_ASSERT(out.size() == orders_);
    return out;
}

}  // namespace mvcore
