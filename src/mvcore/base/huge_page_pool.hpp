// Pool allocator for many pieces of few sizes with random access: orders, quantities, index
// buckets. Pieces of one size share huge pages of 2 MiB, if the kernel provides them. A piece on 4
// KiB pages of its own costs a TLB miss in addition to the cache miss. Empty huge pages return to
// the system, except a few spares. Any thread may allocate and release.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace mvcore::huge_pages {

// Returns memory aligned to a cache line. Throws std::bad_alloc.
void* allocate(std::size_t bytes);
void release(void* piece, std::size_t bytes) noexcept;  // `bytes` as passed to allocate()
// Rounds `bytes` up to the largest size of which as many pieces still fit into a huge page. For
// callers that can use the extra space.
std::size_t filling(std::size_t bytes) noexcept;
// Bytes mapped for slabs and large pieces. Pieces that malloc serves do not count.
std::size_t mapped_bytes() noexcept;
// See book/fork.hpp.
void lock_for_fork() noexcept;
void unlock_after_fork() noexcept;

// An array with default-initialised elements: write integers before reading them.
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

// Allocator for results: large vectors are allocated and released without page faults. Integers
// that resize() adds are not initialised: write them before reading them.
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
    template <class U>
    void construct(U* at) noexcept {
        std::uninitialized_default_construct_n(at, 1);
    }
    template <class U, class V>
    void construct(U* at, V&& value) {
        std::construct_at(at, std::forward<V>(value));
    }
    bool operator==(const Allocator&) const noexcept { return true; }
};
template <class T>
using Vector = std::vector<T, Allocator<T>>;

}  // namespace mvcore::huge_pages
