#include "positions.hpp"

#include <cstring>

#include "amounts.hpp"

namespace mvcore {
namespace {

int bits_of(Width width) { return static_cast<int>(8 * kernels::width_bytes(width)) - 1; }

}  // namespace

Revaluation::Revaluation(const State& state, std::int32_t instrument, int value_scale)
    : size_(state.grid.positions(std::size_t(instrument))), epoch_(state.epoch) {
    const Board& board = state.board;
    const Quote& quote = board.quote(instrument);
    const auto& line = state.grid.line(std::size_t(instrument));
    quantity_scale_ = board.instrument(instrument).quantity_scale;
    priced_ = quote.priced;
    if (priced_) price_ = board.price_mantissa(instrument) * kPow10[18U - quote.price_scale];
    std::size_t places = 0;
    std::size_t bytes = 0;
    for (const Block& block : line) {
        places += block.count();
        bytes += block.count() * (kernels::width_bytes(block.width()) + (block.dense() ? 0 : 2));
    }
    bytes_.reset(new std::byte[bytes]);
    // value = quantity * price * 10^(value_scale - scale), all in 64 bits where the width of the
    // quantities proves that it fits; else one by one.
    const i256 price = priced_ ? board.price_of(instrument) : i256();
    const int shift = value_scale - board.value_scale(instrument);
    std::int64_t factor = 0;
    bool quick = shift >= 0 && shift <= 18 && price.fits64() &&
                 !__builtin_mul_overflow(
                     price.low64(), static_cast<std::int64_t>(kPow10[std::size_t(shift)]), &factor);
    for (const Block& block : line)
        quick = quick && bits_of(block.width()) + i256(factor).magnitude().bits() < 63;
    if (quick) values_.reset(new std::int64_t[places]);
    else wide_values_.resize(places);
    std::size_t place = 0;
    std::size_t used = 0;
    for (std::size_t b = 0; b < line.size(); ++b) {
        const Block& block = line[b];
        const auto n = block.count();
        if (n == 0) continue;
        Piece piece{static_cast<std::uint32_t>(b * Block::kRows), block.width(), n, used, kDense};
        const auto size = n * kernels::width_bytes(block.width());
        std::memcpy(bytes_.get() + used, block.quantity(), size);
        used += size;
        if (!block.dense()) {
            piece.offset = used;
            std::memcpy(bytes_.get() + used, block.offset(), n * sizeof(std::uint16_t));
            used += n * sizeof(std::uint16_t);
        }
        pieces_.push_back(piece);
        if (quick) {
            kernels::table().value64[block.width()](block.quantity(), n, factor, &values_[place]);
        } else if (priced_) {
            with_quantity(block.width(), block.quantity(), [&](const auto* q) {
                for (std::uint32_t k = 0; k < n; ++k)
                    wide_values_[place + k] =
                        value_amount(i256(static_cast<i128>(q[k])) * price,
                                     board.value_scale(instrument), value_scale);
            });
        }
        place += n;
    }
}

template <class F>
void Revaluation::for_each(F&& f) const {
    std::size_t place = 0;
    for (const Piece& piece : pieces_) {
        with_quantity(piece.width, nullptr, [&](const auto* tag) {
            using Q = std::remove_cvref_t<decltype(*tag)>;
            for (std::uint32_t k = 0; k < piece.n; ++k, ++place) {
                Q q;
                std::memcpy(&q, bytes_.get() + piece.quantity + k * sizeof(Q), sizeof q);
                if (q == 0) continue;
                std::uint16_t row = static_cast<std::uint16_t>(k);
                if (piece.offset != kDense)
                    std::memcpy(&row, bytes_.get() + piece.offset + k * sizeof row, sizeof row);
                f(place, piece.first_row + row, static_cast<i128>(q));
            }
        });
    }
}

std::vector<std::int32_t> Revaluation::accounts() const {
    std::vector<std::int32_t> out;
    out.reserve(size_);
    for_each([&](auto, auto row, i128) { out.push_back(static_cast<std::int32_t>(row)); });
    return out;
}

std::vector<i128> Revaluation::quantities() const {
    std::vector<i128> out;
    out.reserve(size_);
    const i128 unit = kPow10[std::size_t(18 - quantity_scale_)];
    for_each([&](auto, auto, i128 quantity) { out.push_back(quantity * unit); });
    return out;
}

std::vector<i128> Revaluation::values() const {
    std::vector<i128> out;
    out.reserve(size_);
    for_each([&](auto place, auto, i128) {
        out.push_back(values_ ? i128{values_[place]} : wide_values_[place]);
    });
    return out;
}

}  // namespace mvcore
