// Memory for the many pieces of few sizes that are met at random: orders, quantities, buckets of
// the index. Pieces of one size share huge pages of 2 MiB, where the kernel has them: a piece on
// pages of 4 KiB of its own costs a miss of the address translation beside that of the cache.
// Whatever is empty goes back to the system, but for a few pages. Any thread may allocate
// and release.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace mvcore::huge_pages {

// Pieces begin on a cache line. Throws std::bad_alloc.
void* allocate(std::size_t bytes);
void release(void* piece, std::size_t bytes) noexcept;  // as many as were asked for
// The least size from `bytes` on of which a whole number fills a huge page: for who can choose.
std::size_t filling(std::size_t bytes) noexcept;
// Of all pieces that are not released, without those that are too small to share.
std::size_t mapped_bytes() noexcept;
// See fork.hpp.
void lock_for_fork() noexcept;
void unlock_after_fork() noexcept;

// An array of integers and the like, to be written before it is read.
template <class T>
struct Release {
    std::size_t count = 0;
    void operator()(T* array) const noexcept { release(array, count * sizeof(T)); }
};
template <class T>
using Array = std::unique_ptr<T[], Release<T>>;

template <class T>
Array<T> array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    T* const at = static_cast<T*>(allocate(count * sizeof(T)));
    std::uninitialized_default_construct_n(at, count);
    return Array<T>(at, Release<T>{count});
}

// For what is handed out: large vectors come and go without page faults.
template <class T>
struct Allocator {
    using value_type = T;
    Allocator() = default;
    template <class U>
    Allocator(const Allocator<U>&) noexcept {}
    T* allocate(std::size_t count) {
        if (count > ~std::size_t{0} / sizeof(T)) throw std::bad_alloc();
        return static_cast<T*>(huge_pages::allocate(count * sizeof(T)));
    }
    void deallocate(T* at, std::size_t count) noexcept { release(at, count * sizeof(T)); }
    bool operator==(const Allocator&) const noexcept { return true; }
};
template <class T>
using Vector = std::vector<T, Allocator<T>>;

}  // namespace mvcore::huge_pages
