// The files of one folder, as the journal needs them: little enough that tests can stand in for a
// disk that fails, fills up or loses power. Calls give errno, negated where a count is expected.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mvcore::journal {

class File {
public:
    virtual ~File() = default;
    // May take fewer bytes than given. The count, or -errno.
    virtual long write(const void* data, std::size_t size, std::uint64_t offset) = 0;
    // May give fewer bytes than asked; 0: the end. The count, or -errno.
    virtual long read(void* data, std::size_t size, std::uint64_t offset) = 0;
    virtual long size() = 0;
    // What was written survives a power cut once this gives 0.
    virtual int sync() = 0;
    virtual int truncate(std::uint64_t size) = 0;
};

class Files {
public:
    virtual ~Files() = default;
    [[nodiscard]] virtual std::string path() const = 0;  // of the folder, for messages
    virtual int make_folder() = 0;                       // 0 too where it is there
    // For reading, and for writing where `write`; made where it is not there and `make`.
    virtual int open(const std::string& name, bool write, bool make,
                     std::unique_ptr<File>& out) = 0;
    virtual int list(std::vector<std::string>& names) = 0;
    virtual int rename(const std::string& from, const std::string& to) = 0;
    virtual int remove(const std::string& name) = 0;
    // Names that were made, changed and removed survive a power cut once this gives 0.
    virtual int sync_folder() = 0;
    // One holder at a time, whatever the process; given back with the object, and with the process,
    // however it ends. EWOULDBLOCK: taken.
    virtual int lock() = 0;
    virtual void unlock() noexcept = 0;
    virtual std::uint64_t random() = 0;
};

// Throws StorageError: what was tried, on which file, and the system's words for `error`.
[[noreturn]] void storage_error(const Files& files, const char* call, const std::string& name,
                                int error);
inline void check(const Files& files, const char* call, const std::string& name, int error) {
    if (error != 0) storage_error(files, call, name, error);
}
// All of it: what a call leaves over is tried again, and so is one that a signal interrupted.
void write_all(const Files& files, const std::string& name, File& file, const void* data,
               std::size_t size, std::uint64_t offset);
// As many bytes as there are, at most `size`.
std::size_t read_all(const Files& files, const std::string& name, File& file, void* data,
                     std::size_t size, std::uint64_t offset);
// f() -> errno, again where a signal interrupted it.
template <class F>
int uninterrupted(F&& f) {
    constexpr int kInterrupted = 4;  // EINTR
    for (;;)
        if (const int error = f(); error != kInterrupted) return error;
}

}  // namespace mvcore::journal
