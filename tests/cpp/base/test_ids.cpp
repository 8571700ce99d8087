// Account and instrument codes and epochs are types of their own: code that swaps them does not
// compile.
#include "mvcore/base/ids.hpp"

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "check.hpp"
#include "mvcore/base/flat_map.hpp"
#include "mvcore/book/book.hpp"

using namespace mvcore;

namespace {

static_assert(!std::is_convertible_v<AccountCode, InstrumentCode>);
static_assert(!std::is_convertible_v<InstrumentCode, AccountCode>);
static_assert(!std::is_convertible_v<std::int32_t, AccountCode>);
static_assert(!std::is_convertible_v<std::int32_t, InstrumentCode>);
static_assert(!std::is_convertible_v<AccountCode, std::int32_t>);
static_assert(!std::is_convertible_v<InstrumentCode, std::size_t>);
static_assert(!std::is_convertible_v<std::uint64_t, Epoch>);
static_assert(!std::is_convertible_v<Epoch, std::uint64_t>);
static_assert(Epoch{7} + 2 == Epoch{9} && Epoch{7} - 2 == Epoch{5} && raw(Epoch{7}) == 7);
static_assert(Epoch{7} < Epoch{9} && Epoch{9} < kNoEpoch && sizeof(Epoch) == 8);
static_assert(sizeof(AccountCode) == 4 && sizeof(InstrumentCode) == 4 && sizeof(CellKey) == 8);

static_assert(!std::is_convertible_v<Slot, std::uint32_t> && !std::is_convertible_v<int, Slot>);

template <class Code>
concept HasQuote = requires(const Board& board, Code code) { board.quote(code); };
static_assert(HasQuote<InstrumentCode> && !HasQuote<AccountCode> && !HasQuote<std::int32_t>);

template <class First, class Second>
concept MakesKey = requires(First first, Second second) { CellKey{first, second}; };
static_assert(MakesKey<InstrumentCode, AccountCode> && !MakesKey<AccountCode, InstrumentCode>);

template <class First, class Second>
concept Follows = requires(AccountIndex& index, const Grid& grid, First first, Second second) {
    index.follow(grid, first, second);
};
static_assert(Follows<AccountCode, InstrumentCode> && !Follows<InstrumentCode, AccountCode>);

template <class Code>
concept Ticks = requires(Book& book, Code code) { book.tick(code, Decimal{}, kNoTime); };
static_assert(Ticks<InstrumentCode> && !Ticks<AccountCode> && !Ticks<std::int32_t>);

CellKey key(int instrument, int account) {
    return {InstrumentCode(instrument), AccountCode(account)};
}

}  // namespace

TEST(cell_keys_are_ordered_by_instrument_and_then_by_account) {
    std::vector<CellKey> keys = {key(1, 0), key(0, 7), key(1, -1), key(0, 2), key(-1, 9)};
    std::sort(keys.begin(), keys.end());
    CHECK(keys == std::vector({key(-1, 9), key(0, 2), key(0, 7), key(1, -1), key(1, 0)}));
    CHECK(key(1, 2) == key(1, 2) && key(1, 2) != key(2, 1));
}

TEST(a_flat_map_and_a_set_tell_swapped_cell_keys_apart) {
    FlatMap<CellKey> map;
    std::unordered_set<CellKey> set;
    for (int i = 0; i < 50; ++i)
        for (int a = 0; a < 50; ++a) {
            CHECK(map.add(key(i, a)) == std::pair(std::uint32_t(i * 50 + a), true));
            CHECK(set.insert(key(i, a)).second);
        }
    CHECK(map.find(key(3, 4)) == 154 && map.find(key(4, 3)) == 203);
    CHECK(map.find(key(50, 0)) == map.kNone && set.contains(key(49, 49)));
}

TEST(code_ranges_visit_every_code_once) {
    std::vector<std::int32_t> seen;
    for (const auto i : instruments_below(3)) seen.push_back(raw(i));
    for (const auto a : accounts_below(2)) seen.push_back(raw(a));
    for (const auto i : instruments_between(InstrumentCode{4}, InstrumentCode{6}))
        seen.push_back(raw(i));
    for (const auto i : instruments_below(0)) seen.push_back(raw(i));
    CHECK(seen == std::vector<std::int32_t>({0, 1, 2, 0, 1, 4, 5}));
    CHECK(is_code(AccountCode{0}) && !is_code(kNoAccount) && code_index(InstrumentCode{7}) == 7);
}
