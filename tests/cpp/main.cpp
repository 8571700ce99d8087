#include <cstdio>
#include <exception>
#include <stdexcept>

#include "check.hpp"
#include "mvcore/kernels/kernels.hpp"

namespace {

// What a test does not expect to be thrown fails that test, not the run.
void run(const check::Test& test) {
    try {
        test.run();
    } catch (const std::exception& e) {
        ++check::failures();
        std::fprintf(stderr, "%s threw: %s\n", test.name.c_str(), e.what());
    }
}

}  // namespace

int main() {
    try {
        std::printf("instruction set: %s\n", mvcore::kernels::table().isa);
    } catch (const std::runtime_error& e) {
        std::printf("skipped: %s\n", e.what());
        return 77;
    }
    for (const auto& test : check::tests()) {
        const int before = check::failures();
        run(test);
        std::printf("%s %s\n", check::failures() == before ? "ok  " : "FAIL", test.name.c_str());
    }
    std::printf("%zu tests, %d failures\n", check::tests().size(), check::failures());
    return check::failures() == 0 ? 0 : 1;
}
