// The label ids of the rows of a view, for results that combine the rows of several views.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mvcore/base/code_texts.hpp"

namespace mvcore {

struct RowLabels {
    enum class Of : std::uint8_t { account_group, instrument_group, row };
    struct Column {
        Of of = Of::row;
        // By group, or by row of a roll-up. None: the group is the label id.
        std::optional<std::vector<std::int32_t>> ids;
        std::shared_ptr<const CodeTexts> texts;  // null: the label ids are codes of names
    };
    std::vector<Column> columns;
    std::vector<std::int32_t> level_of;  // by row of a roll-up; else empty
    std::string kind;                    // rows of views of the same kind have the same columns

    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        std::size_t bytes = level_of.capacity() * sizeof(std::int32_t) + kind.capacity();
        for (const auto& column : columns)
            bytes +=
                sizeof column + (column.ids ? column.ids->capacity() * sizeof(std::int32_t) : 0);
        return bytes;
    }
};

}  // namespace mvcore
