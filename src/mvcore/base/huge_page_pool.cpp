#include "mvcore/base/huge_page_pool.hpp"

#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <unordered_map>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/tuning.hpp"

namespace mvcore::huge_pages {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kHuge = std::size_t{2} << 20;
#ifdef __SANITIZE_ADDRESS__
constexpr bool kShared = false;  // so that AddressSanitizer tracks each piece
#else
constexpr bool kShared = true;
#endif

// Header at the start of a huge page. The page's pieces follow it.
struct alignas(kLine) Slab {
    Slab* next = nullptr;  // in the list of slabs with free pieces
    Slab* previous = nullptr;
    void* free = nullptr;  // released pieces; each begins with the address of the next
    std::uint32_t used = 0;
    std::uint32_t fresh = 0;  // number of pieces ever used; the pieces after them are untouched
};
static_assert(sizeof(Slab) == kLine);

constexpr std::size_t kRoom = kHuge - sizeof(Slab);

std::size_t rounded(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

// Maps memory aligned to a huge page. The kernel allocates pages on first write.
void* map(std::size_t bytes, bool huge) {
    const std::size_t wanted = bytes + kHuge;
    void* const all =
        mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) throw std::bad_alloc();
    auto* const begin = static_cast<std::byte*>(all);
    const auto before = kHuge - reinterpret_cast<std::uintptr_t>(all) % kHuge;
    munmap(begin, before);
    MVCORE_ASSERT(reinterpret_cast<std::uintptr_t>(begin + before) % kHuge == 0);
    if (before != kHuge) munmap(begin + before + bytes, kHuge - before);
    if (huge) madvise(begin + before, bytes, MADV_HUGEPAGE);  // only a hint
    return begin + before;
}

class Pool {
public:
    // Never destroyed, because books may be released while the process exits.
    static Pool& pool() {
        static Pool& one = *new Pool;
        return one;
    }

    void* allocate(std::size_t bytes) {
        const std::scoped_lock lock(mutex_);
        Class& c = classes_[bytes];
        if (c.open == nullptr) {
            link(c, *new (place(c.slabs != 0)) Slab);
            ++c.slabs;
        }
        Slab& slab = *c.open;
        MVCORE_ASSERT(slab.free != nullptr || slab.fresh < kRoom / bytes);
        void* piece = slab.free;
        if (piece != nullptr) slab.free = *static_cast<void**>(piece);
        else piece = reinterpret_cast<std::byte*>(&slab + 1) + bytes * slab.fresh++;
        ++slab.used;
        MVCORE_ASSERT(slab.fresh <= kRoom / bytes && slab.used <= slab.fresh);
        if (slab.free == nullptr && slab.fresh == kRoom / bytes) unlink(c, slab);
        return piece;
    }

    void release(void* piece, std::size_t bytes) noexcept {
        const std::scoped_lock lock(mutex_);
        MVCORE_ASSERT(classes_.contains(bytes));
        Class& c = classes_.find(bytes)->second;
        const auto place = reinterpret_cast<std::uintptr_t>(piece);
        Slab& slab = *reinterpret_cast<Slab*>(place - place % kHuge);
        const bool full = slab.free == nullptr && slab.fresh == kRoom / bytes;
        MVCORE_ASSERT(slab.used > 0 && slab.used <= slab.fresh);
        MVCORE_ASSERT((place - place % kHuge) + sizeof(Slab) <= place);
        MVCORE_ASSERT((place % kHuge - sizeof(Slab)) % bytes == 0);
        MVCORE_ASSERT((place % kHuge - sizeof(Slab)) / bytes < slab.fresh);
        *static_cast<void**>(piece) = slab.free;
        slab.free = piece;
        if (full) link(c, slab);
        if (--slab.used != 0) return;
        unlink(c, slab);
        MVCORE_ASSERT(c.slabs > 0);
        --c.slabs;
        if (spares_ < spare_.size()) {
            spare_[spares_++] = &slab;
            return;
        }
        MVCORE_ASSERT(mapped_ >= kHuge);
        mapped_ -= kHuge;
        munmap(&slab, kHuge);
    }

    void* allocate_alone(std::size_t bytes) {
        void* const piece = map(bytes, true);
        const std::scoped_lock lock(mutex_);
        mapped_ += bytes;
        return piece;
    }
    void release_alone(void* piece, std::size_t bytes) noexcept {
        munmap(piece, bytes);
        const std::scoped_lock lock(mutex_);
        MVCORE_ASSERT(mapped_ >= bytes && bytes % kHuge == 0);
        mapped_ -= bytes;
    }
    std::mutex& mutex() noexcept { return mutex_; }
    std::size_t mapped() noexcept {
        const std::scoped_lock lock(mutex_);
        return mapped_;
    }

private:
    struct Class {
        Slab* open = nullptr;
        std::size_t slabs = 0;
    };
    // Memory for a slab. The first slab of a size does not request a huge page, so that small books
    // and short lists stay small.
    void* place(bool huge) {
        if (spares_ != 0) return spare_[--spares_];
        void* const at = map(kHuge, huge);
        mapped_ += kHuge;
        return at;
    }
    static void link(Class& c, Slab& slab) noexcept {
        MVCORE_ASSERT(c.open != &slab && (c.open == nullptr || c.open->previous == nullptr));
        slab.previous = nullptr;
        slab.next = c.open;
        if (c.open != nullptr) c.open->previous = &slab;
        c.open = &slab;
    }
    static void unlink(Class& c, Slab& slab) noexcept {
        MVCORE_ASSERT(slab.previous != nullptr || c.open == &slab);
        MVCORE_ASSERT(slab.previous == nullptr || slab.previous->next == &slab);
        MVCORE_ASSERT(slab.next == nullptr || slab.next->previous == &slab);
        if (slab.previous != nullptr) slab.previous->next = slab.next;
        else c.open = slab.next;
        if (slab.next != nullptr) slab.next->previous = slab.previous;
    }

    std::mutex mutex_;
    std::unordered_map<std::size_t, Class> classes_;  // by piece size in bytes
    std::size_t mapped_ = 0;
    // Empty slabs, kept for the next allocation of any size. Memory that is allocated and released
    // repeatedly then causes no page faults.
    std::array<Slab*, tuning::kSpareHugePages> spare_{};
    std::size_t spares_ = 0;
};

}  // namespace

void* allocate(std::size_t bytes) {
    const auto lines = rounded(bytes, kLine);
    if (kShared && lines > kRoom) return Pool::pool().allocate_alone(rounded(lines, kHuge));
    if (kShared && lines >= tuning::kLeastPooled) return Pool::pool().allocate(lines);
    void* const piece = std::aligned_alloc(kLine, lines);
    if (piece == nullptr) throw std::bad_alloc();
    return piece;
}

void release(void* piece, std::size_t bytes) noexcept {
    const auto lines = rounded(bytes, kLine);
    if (kShared && lines > kRoom) Pool::pool().release_alone(piece, rounded(lines, kHuge));
    else if (kShared && lines >= tuning::kLeastPooled) Pool::pool().release(piece, lines);
    else std::free(piece);
}

std::size_t filling(std::size_t bytes) noexcept {
    if (bytes > kRoom) return rounded(bytes, kHuge);
    MVCORE_ASSERT(bytes > 0);
    const std::size_t pieces = kRoom / rounded(bytes, kLine);
    MVCORE_ASSERT(kRoom / (kRoom / pieces / kLine * kLine) == pieces);
    return kRoom / pieces / kLine * kLine;
}

std::size_t mapped_bytes() noexcept { return Pool::pool().mapped(); }

void lock_for_fork() noexcept { Pool::pool().mutex().lock(); }

void unlock_after_fork() noexcept { Pool::pool().mutex().unlock(); }

}  // namespace mvcore::huge_pages
