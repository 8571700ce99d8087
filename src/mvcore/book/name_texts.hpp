// The names of a book as texts by code.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "mvcore/base/code_texts.hpp"
#include "mvcore/base/tuning.hpp"
#include "mvcore/book/reader.hpp"

namespace mvcore {

class NameTexts final : public CodeTexts {
public:
    NameTexts(std::shared_ptr<const Reader> reader, const Names& names)
        : reader_(std::move(reader)), names_(names) {}

    // Names never move. The lock is released between parts, so that writers do not wait for long.
    void append_to(std::vector<std::string_view>& out,
                   std::span<const std::int32_t> codes) const override {
        while (!codes.empty()) {
            const auto part = codes.first(std::min(codes.size(), tuning::kNamesUnderLock));
            const Reading reading(reader_->names_lock());
            for (const auto code : part) {
                if (code >= names_.size()) refuse(code);
                out.push_back(code < 0 ? std::string_view() : names_.text(code));
            }
            codes = codes.subspan(part.size());
        }
    }

private:
    std::shared_ptr<const Reader> reader_;
    const Names& names_;
};

}  // namespace mvcore
