// Pieces of many sizes: none overlaps another, each is aligned to a cache line, and all memory
// returns to the system.
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "check.hpp"
#include "mvcore/base/huge_page_pool.hpp"

using namespace mvcore;

namespace {

constexpr std::size_t kHuge = std::size_t{2} << 20;

struct Piece {
    std::byte* at;
    std::size_t bytes;
    int mark;
};

Piece piece_of(std::size_t bytes, int mark) {
    auto* const at = static_cast<std::byte*>(huge_pages::allocate(bytes));
    std::memset(at, mark, bytes);
    return {at, bytes, mark};
}

// Whether the piece still holds its mark at the start, middle and end.
bool intact(const Piece& p) {
    const auto mark = static_cast<std::byte>(p.mark);
    return p.at[0] == mark && p.at[p.bytes / 2] == mark && p.at[p.bytes - 1] == mark;
}

// Allocates and releases at random. Returns false if a piece was overwritten.
bool play(unsigned seed, int steps) {
    std::mt19937 random(seed);
    const std::size_t sizes[] = {1,      64,      4095,       4096,  4097,
                                 24'640, 200'000, kHuge - 64, kHuge, 5'000'000};
    std::vector<Piece> held;
    bool right = true;
    for (int k = 0; k < steps; ++k) {
        if (held.size() < 40 || random() % 2 == 0) {
            const auto size = sizes[random() % (random() % 50 == 0 ? std::size(sizes) : 7)];
            held.push_back(piece_of(size, k % 251 + 1));
            right = right && reinterpret_cast<std::uintptr_t>(held.back().at) % 64 == 0;
        } else {
            std::swap(held[random() % held.size()], held.back());
            right = right && intact(held.back());
            huge_pages::release(held.back().at, held.back().bytes);
            held.pop_back();
        }
    }
    for (const Piece& p : held) {
        right = right && intact(p);
        huge_pages::release(p.at, p.bytes);
    }
    return right;
}

}  // namespace

TEST(pieces_do_not_overlap_and_return_to_the_pool) {
    const auto before = huge_pages::mapped_bytes();
    CHECK(play(1, 4'000));
    constexpr std::size_t kSpare = 8;  // spare empty pages that the pool keeps
    CHECK(huge_pages::mapped_bytes() <= before + kSpare * kHuge);
    CHECK(play(2, 4'000));
    CHECK(huge_pages::mapped_bytes() <= before + kSpare * kHuge);
}

TEST(a_thread_may_release_memory_that_another_allocated) {
    std::vector<Piece> given;
    for (int k = 0; k < 2'000; ++k) given.push_back(piece_of(4096, 7));
    bool right[3] = {};
    {
        std::vector<std::jthread> threads;
        threads.emplace_back([&] { right[0] = play(3, 2'000); });
        threads.emplace_back([&] { right[1] = play(4, 2'000); });
        threads.emplace_back([&] {
            right[2] = true;
            for (const Piece& p : given) {
                right[2] = right[2] && intact(p);
                huge_pages::release(p.at, p.bytes);
            }
        });
    }
    CHECK(right[0] && right[1] && right[2]);
}

TEST(rounded_sizes_leave_no_room_for_larger_pieces) {
    for (std::size_t bytes : {1UL, 64UL, 4096UL, 290'000UL, 700'000UL, kHuge - 64}) {
        const auto size = huge_pages::filling(bytes);
        CHECK(size >= bytes && size % 64 == 0 && size <= kHuge);
        const auto pieces = (kHuge - 64) / size;
        CHECK(kHuge - 64 - pieces * size < pieces * 64);  // larger pieces would not all fit
    }
    CHECK(huge_pages::filling(kHuge) == kHuge && huge_pages::filling(kHuge + 1) == 2 * kHuge);
}
