#include <cstdio>
#include <stdexcept>

#include "check.hpp"
#include "mvcore/kernels/kernels.hpp"

int main() {
    try {
        std::printf("instruction set: %s\n", mvcore::kernels::table().isa);
    } catch (const std::runtime_error& e) {
        std::printf("skipped: %s\n", e.what());
        return 77;
    }
    for (const auto& test : check::tests()) {
        const int before = check::failures();
        test.run();
        std::printf("%s %s\n", check::failures() == before ? "ok  " : "FAIL", test.name.c_str());
    }
    std::printf("%zu tests, %d failures\n", check::tests().size(), check::failures());
    return check::failures() == 0 ? 0 : 1;
}
