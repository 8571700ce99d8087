#include "mvcore/base/code_texts.hpp"

#include "mvcore/base/errors.hpp"

namespace mvcore {

void CodeTexts::refuse(std::int32_t code) {
    throw Error(ErrorKind::invalid_input, "no text has the code " + std::to_string(code));
}

void LabelTexts::append_to(std::vector<std::string_view>& out,
                           std::span<const std::int32_t> codes) const {
    for (const auto code : codes) {
        if (code >= 0 && std::size_t(code) >= size()) refuse(code);
        out.push_back(code < 0 ? std::string_view() : (*this)[std::size_t(code)]);
    }
}

}  // namespace mvcore
