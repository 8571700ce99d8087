#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include "check.hpp"
#include "mvcore/kernels/kernels.hpp"

namespace {

// An unexpected exception fails its test, not the whole run.
void run(const check::Test& test) {
    try {
        test.run();
    } catch (const std::exception& e) {
        ++check::failures();
        std::fprintf(stderr, "%s threw: %s\n", test.name.c_str(), e.what());
    }
}

}  // namespace

// Argument: a part of a name; runs only the tests whose names contain it.
int main(int argc, char** argv) {
    try {
        std::printf("instruction set: %s\n", mvcore::kernels::table().isa);
    } catch (const std::runtime_error& e) {
        std::printf("skipped: %s\n", e.what());
        return 77;
    }
    const std::string part = argc > 1 ? argv[1] : "";
    std::size_t n = 0;
    for (const auto& test : check::tests()) {
        if (test.name.find(part) == std::string::npos) continue;
        ++n;
        const int before = check::failures();
        run(test);
        std::printf("%s %s\n", check::failures() == before ? "ok  " : "FAIL", test.name.c_str());
    }
    std::printf("%zu tests, %d failures\n", n, check::failures().load());
    return check::failures() == 0 ? 0 : 1;
}
