#include "mvcore/journal/posix_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <random>
#include <utility>

#include "mvcore/base/assert.hpp"

namespace mvcore::journal {
namespace {

// Owns a file descriptor and closes it. All are opened with O_CLOEXEC, so that child programs do
// not inherit them.
class Descriptor {
public:
    explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
    ~Descriptor() { reset(); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    void reset(int fd = -1) noexcept {
        MVCORE_ASSERT(fd < 0 || fd != fd_);  // it would be closed and kept
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
    }
    [[nodiscard]] int get() const noexcept { return fd_; }

private:
    int fd_;
};

int error_of(int result) { return result < 0 ? errno : 0; }

class PosixFile : public File {
public:
    explicit PosixFile(int fd) : fd_(fd) {}
    long write(const void* data, std::size_t size, std::uint64_t offset) override {
        const auto n = ::pwrite(fd_.get(), data, size, static_cast<off_t>(offset));
        return n < 0 ? -errno : n;
    }
    long read(void* data, std::size_t size, std::uint64_t offset) override {
        const auto n = ::pread(fd_.get(), data, size, static_cast<off_t>(offset));
        return n < 0 ? -errno : n;
    }
    long size() override {
        struct stat s{};
        return ::fstat(fd_.get(), &s) < 0 ? -errno : s.st_size;
    }
    // Fails if the file was deleted: its contents would be lost.
    int sync() override {
        struct stat s{};
        if (::fstat(fd_.get(), &s) < 0) return errno;
        return s.st_nlink == 0 ? ENOENT : error_of(::fdatasync(fd_.get()));
    }
    int truncate(std::uint64_t size) override {
        return error_of(::ftruncate(fd_.get(), static_cast<off_t>(size)));
    }

private:
    Descriptor fd_;
};

// Opens the folder only once. If its name later refers to another folder, files still go to the
// first.
class PosixFiles : public Files {
public:
    explicit PosixFiles(std::string folder) : folder_(std::move(folder)) {}
    [[nodiscard]] std::string path() const override { return folder_; }
    int make_folder() override {
        if (::mkdir(folder_.c_str(), 0777) < 0 && errno != EEXIST) return errno;
        return find_folder();
    }
    int open(const std::string& name, bool write, bool make, std::unique_ptr<File>& out) override {
        int fd = -1;
        const int error =
            open_at(name.c_str(), (write ? O_RDWR : O_RDONLY) | (make ? O_CREAT : 0), fd);
        if (error == 0) out = std::make_unique<PosixFile>(fd);
        return error;
    }
    int list(std::vector<std::string>& names) override {
        int fd = -1;
        if (const int error = open_at(".", O_RDONLY | O_DIRECTORY, fd); error != 0) return error;
        DIR* folder = ::fdopendir(fd);
        if (folder == nullptr) {
            const int error = errno;
            ::close(fd);
            return error;
        }
        errno = 0;
        while (const dirent* entry = ::readdir(folder)) names.emplace_back(entry->d_name);
        const int error = errno;
        ::closedir(folder);
        return error;
    }
    int rename(const std::string& from, const std::string& to) override {
        if (const int error = find_folder(); error != 0) return error;
        return error_of(::renameat(dir_.get(), from.c_str(), dir_.get(), to.c_str()));
    }
    int remove(const std::string& name) override {
        if (const int error = find_folder(); error != 0) return error;
        return error_of(::unlinkat(dir_.get(), name.c_str(), 0));
    }
    int sync_folder() override {
        const int error = find_folder();
        return error != 0 ? error : error_of(::fsync(dir_.get()));
    }
    // Locks a file, which all systems support. Also locks the folder, if the system can, so that a
    // second holder is refused even if somebody deletes the lock file.
    int lock() override {
        MVCORE_ASSERT(lock_.get() < 0);
        int fd = -1;
        if (const int error = open_at("lock", O_RDWR | O_CREAT, fd); error != 0) return error;
        lock_.reset(fd);
        int error = error_of(::flock(fd, LOCK_EX | LOCK_NB));
        if (error == 0 && ::flock(dir_.get(), LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
            error = EWOULDBLOCK;
        if (error != 0) unlock();
        return error;
    }
    void unlock() noexcept override {
        lock_.reset();
        dir_.reset();
        given_back_ = true;
    }
    std::uint64_t random() override {
        std::random_device device;
        return std::uint64_t{device()} << 32 | device();
    }

private:
    int find_folder() {
        if (dir_.get() >= 0) return 0;
        if (given_back_) return EBADF;
        dir_.reset(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        return dir_.get() < 0 ? errno : 0;
    }
    int open_at(const char* name, int flags, int& fd) {
        if (const int error = find_folder(); error != 0) return error;
        fd = ::openat(dir_.get(), name, flags | O_CLOEXEC, 0666);
        return fd < 0 ? errno : 0;
    }

    std::string folder_;
    Descriptor dir_;
    Descriptor lock_;
    bool given_back_ = false;
};

}  // namespace

std::unique_ptr<Files> posix_files(std::string folder) {
    return std::make_unique<PosixFiles>(std::move(folder));
}

}  // namespace mvcore::journal
