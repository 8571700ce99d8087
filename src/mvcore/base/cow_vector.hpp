// A vector stored in reference-counted pages. Copies share the pages. A write copies a page only if
// another vector still holds it, so a snapshot costs one copy of each page that changes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/holders.hpp"

namespace mvcore {

template <class T, std::size_t N>
class CowVector {
public:
    CowVector() = default;
    ~CowVector() {
        for (auto* page : pages_) release(page);
    }
    CowVector(const CowVector& other) : pages_(other.pages_), size_(other.size_) {
        for (auto* page : pages_) page->holders.add();
    }
    CowVector(CowVector&& other) noexcept { swap(other); }
    CowVector& operator=(CowVector other) noexcept {
        swap(other);
        return *this;
    }
    void swap(CowVector& other) noexcept {
        std::swap(pages_, other.pages_);
        std::swap(size_, other.size_);
        std::swap(copies_, other.copies_);
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] const T& operator[](std::size_t i) const noexcept {
        MVCORE_ASSERT(i < size_);
        return pages_[i / N]->items[i % N];
    }
    // The element, for writing. Makes its page exclusive to this vector first. If that throws
    // std::bad_alloc, nothing has changed. Once a page is exclusive, calls for it cannot fail.
    [[nodiscard]] T& own(std::size_t i) {
        MVCORE_ASSERT(i < size_);
        Page*& page = pages_[i / N];
        if (page->holders.shared()) page = copy_of(page);
        return page->items[i % N];
    }
    // Appends value-initialised elements until there are n. Never shrinks.
    void grow(std::size_t n) {
        pages_.reserve((n + N - 1) / N);
        while (pages_.size() * N < n) pages_.push_back(new Page());
        size_ = n > size_ ? n : size_;
        MVCORE_ASSERT(pages_.size() * N >= size_);
    }
    // Pages copied because another vector held them.
    [[nodiscard]] std::uint64_t copies() const noexcept { return copies_; }
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return pages_.size() * sizeof(Page) + pages_.capacity() * sizeof(Page*);
    }

private:
    struct Page {
        Page() = default;
        explicit Page(const std::array<T, N>& copied) : items(copied) {}
        std::array<T, N> items{};
        Holders holders;
    };
    static void release(Page* page) noexcept {
        if (page->holders.drop()) delete page;
    }
    Page* copy_of(Page* page) {
        auto* copy = new Page(page->items);
        release(page);
        ++copies_;
        return copy;
    }

    std::vector<Page*> pages_;
    std::size_t size_ = 0;
    std::uint64_t copies_ = 0;
};

}  // namespace mvcore
