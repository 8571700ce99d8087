// Interns texts as codes 0, 1, 2, ... A code never changes its text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mvcore/base/assert.hpp"

namespace mvcore {

std::uint64_t hash_of(std::string_view text);
// Whether the text is valid UTF-8 as Unicode defines it: no surrogates, no overlong encodings.
bool valid_utf8(std::string_view text) noexcept;

class Names {
public:
    static constexpr std::int32_t kNone = -1;

    // O(1). kNone if the text is unknown.
    [[nodiscard]] std::int32_t find(std::string_view text) const noexcept;
    // The code of the text. Adds the text if it is unknown.
    std::int32_t intern(std::string_view text);
    [[nodiscard]] std::string_view text(std::int32_t code) const {
        MVCORE_ASSERT(code >= 0 && code < size());
        return entries_[static_cast<std::size_t>(code)].text;
    }
    [[nodiscard]] std::int32_t size() const noexcept {
        return static_cast<std::int32_t>(entries_.size());
    }
    [[nodiscard]] std::size_t memory_bytes() const noexcept;

private:
    struct Entry {
        std::string_view text;  // into an arena block
        std::uint64_t hash;
    };
    struct Bucket {
        std::uint32_t hash_high = 0;
        std::int32_t code = kNone;
    };
    void grow();
    std::string_view store(std::string_view text);

    std::vector<Bucket> buckets_;  // open addressing, a power of two, at most half full
    std::vector<Entry> entries_;
    std::vector<std::string> arena_;  // blocks of text on the heap, where it never moves
};

struct Vocabulary {
    Names accounts;
    Names instruments;
    Names currencies;
};

// How many names of each kind a snapshot, a checkpoint or the journal covers, so that codes mean
// the same when it is read. The book may know more names, from calls that it refused.
struct NamesKnown {
    std::int32_t accounts = 0;
    std::int32_t instruments = 0;
    std::int32_t currencies = 0;

    static NamesKnown of(const Vocabulary& names) noexcept {
        return {names.accounts.size(), names.instruments.size(), names.currencies.size()};
    }
};

// The names that a batch may use: the book's names, plus new ones. The book takes over the new
// names when the batch commits.
class NameOverlay {
public:
    explicit NameOverlay(const Names& base) : base_(base) {}

    [[nodiscard]] std::int32_t find(std::string_view text) const noexcept {
        const auto code = base_.find(text);
        if (code != Names::kNone || added_.size() == 0) return code;
        const auto extra = added_.find(text);
        return extra == Names::kNone ? extra : base_.size() + extra;
    }
    std::int32_t intern(std::string_view text) {
        const auto code = base_.find(text);
        return code != Names::kNone ? code : base_.size() + added_.intern(text);
    }
    [[nodiscard]] std::string_view text(std::int32_t code) const {
        MVCORE_ASSERT(code >= 0 && code < size());
        return code < base_.size() ? base_.text(code) : added_.text(code - base_.size());
    }
    [[nodiscard]] std::int32_t size() const noexcept { return base_.size() + added_.size(); }
    [[nodiscard]] const Names& added() const noexcept { return added_; }

private:
    const Names& base_;
    Names added_;
};

}  // namespace mvcore
