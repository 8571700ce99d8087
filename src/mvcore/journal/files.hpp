// The files of one folder, as the journal needs them. The interface is small, so that tests can
// simulate a disk that fails, fills up or loses power. Calls return errno, or -errno if they return
// a count.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mvcore::journal {

class File {
public:
    virtual ~File() = default;
    // May write fewer bytes than given. Returns the count, or -errno.
    virtual long write(const void* data, std::size_t size, std::uint64_t offset) = 0;
    // May read fewer bytes than requested; 0 at the end. Returns the count, or -errno.
    virtual long read(void* data, std::size_t size, std::uint64_t offset) = 0;
    virtual long size() = 0;
    // Once this returns 0, all written bytes survive a power cut.
    virtual int sync() = 0;
    virtual int truncate(std::uint64_t size) = 0;
};

class Files {
public:
    virtual ~Files() = default;
    [[nodiscard]] virtual std::string path() const = 0;  // of the folder, for messages
    virtual int make_folder() = 0;                       // also 0 if it exists
    // Opens for reading, and for writing if `write`. Creates a missing file if `make`.
    virtual int open(const std::string& name, bool write, bool make,
                     std::unique_ptr<File>& out) = 0;
    virtual int list(std::vector<std::string>& names) = 0;
    virtual int rename(const std::string& from, const std::string& to) = 0;
    virtual int remove(const std::string& name) = 0;
    // Once this returns 0, created, renamed and removed names survive a power cut.
    virtual int sync_folder() = 0;
    // Locks the folder: one holder at a time across all processes. The lock is released with the
    // object, and with the process, however it ends. Returns EWOULDBLOCK if another holder has it.
    virtual int lock() = 0;
    virtual void unlock() noexcept = 0;
    virtual std::uint64_t random() = 0;
};

// Throws StorageError, with the call, the file and the system's text for `error`.
[[noreturn]] void storage_error(const Files& files, const char* call, const std::string& name,
                                int error);
inline void check(const Files& files, const char* call, const std::string& name, int error) {
    if (error != 0) storage_error(files, call, name, error);
}
// Writes all bytes. Continues after a partial write, and retries a call that a signal interrupted.
void write_all(const Files& files, const std::string& name, File& file, const void* data,
               std::size_t size, std::uint64_t offset);
// Reads up to `size` bytes, fewer only at the end of the file. Returns the count.
std::size_t read_all(const Files& files, const std::string& name, File& file, void* data,
                     std::size_t size, std::uint64_t offset);
// Calls f(), which returns errno; repeats it if a signal interrupted it.
template <class F>
int uninterrupted(F&& f) {
    constexpr int kInterrupted = 4;  // EINTR
    for (;;)
        if (const int error = f(); error != kInterrupted) return error;
}

}  // namespace mvcore::journal
