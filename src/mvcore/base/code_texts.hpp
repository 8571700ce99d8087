// Texts by code, such as the names of a book or the labels of an attribute.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mvcore/base/assert.hpp"

namespace mvcore {

class CodeTexts {
public:
    virtual ~CodeTexts() = default;
    // Appends the text of each code; a view without data if the code is negative. The texts live as
    // long as this object. Throws InvalidInput if a code is out of range.
    virtual void append_to(std::vector<std::string_view>& out,
                           std::span<const std::int32_t> codes) const = 0;

protected:
    CodeTexts() = default;
    CodeTexts(const CodeTexts&) = default;
    CodeTexts& operator=(const CodeTexts&) = default;
    [[noreturn]] static void refuse(std::int32_t code);
};

// The labels of one attribute by label id. They never change.
class LabelTexts final : public CodeTexts {
public:
    void add(std::string_view text) {
        text_ += text;
        ends_.push_back(text_.size());
    }
    [[nodiscard]] std::size_t size() const noexcept { return ends_.size(); }
    [[nodiscard]] std::string_view operator[](std::size_t id) const noexcept {
        MVCORE_ASSERT(id < size());
        const std::size_t begin = id == 0 ? 0 : ends_[id - 1];
        return {text_.data() + begin, ends_[id] - begin};
    }
    void append_to(std::vector<std::string_view>& out,
                   std::span<const std::int32_t> codes) const override;

private:
    std::string text_;
    std::vector<std::size_t> ends_;
};

}  // namespace mvcore
