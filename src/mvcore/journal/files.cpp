#include "mvcore/journal/files.hpp"

#include <cerrno>
#include <system_error>

#include "mvcore/base/assert.hpp"
#include "mvcore/base/errors.hpp"

namespace mvcore::journal {

void storage_error(const Files& files, const char* call, const std::string& name, int error) {
    throw Error(ErrorKind::storage, files.path() + (name.empty() ? "" : "/" + name) + ": " + call +
                                        ": " + std::generic_category().message(error));
}

void write_all(const Files& files, const std::string& name, File& file, const void* data,
               std::size_t size, std::uint64_t offset) {
    const auto* p = static_cast<const char*>(data);
    while (size != 0) {
        const long n = file.write(p, size, offset);
        if (n == -EINTR) continue;
        if (n <= 0) storage_error(files, "write", name, n == 0 ? EIO : static_cast<int>(-n));
        MVCORE_ASSERT(static_cast<std::size_t>(n) <= size);
        p += n;
        offset += static_cast<std::uint64_t>(n);
        size -= static_cast<std::size_t>(n);
    }
}

std::size_t read_all(const Files& files, const std::string& name, File& file, void* data,
                     std::size_t size, std::uint64_t offset) {
    auto* p = static_cast<char*>(data);
    std::size_t got = 0;
    while (got < size) {
        const long n = file.read(p + got, size - got, offset + got);
        if (n == -EINTR) continue;
        if (n < 0) storage_error(files, "read", name, static_cast<int>(-n));
        if (n == 0) break;
        MVCORE_ASSERT(static_cast<std::size_t>(n) <= size - got);
        got += static_cast<std::size_t>(n);
    }
    return got;
}

}  // namespace mvcore::journal
