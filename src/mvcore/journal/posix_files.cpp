#include "posix_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <random>
#include <utility>

namespace mvcore::journal {
namespace {

// A descriptor, closed with its owner, and not inherited by programs that this one starts.
class Descriptor {
public:
    explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
    ~Descriptor() { reset(); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    void reset(int fd = -1) noexcept {
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
    int sync() override { return error_of(::fdatasync(fd_.get())); }
    int truncate(std::uint64_t size) override {
        return error_of(::ftruncate(fd_.get(), static_cast<off_t>(size)));
    }

private:
    Descriptor fd_;
};

class PosixFiles : public Files {
public:
    explicit PosixFiles(std::string folder) : folder_(std::move(folder)) {}
    [[nodiscard]] std::string path() const override { return folder_; }
    int make_folder() override {
        if (::mkdir(folder_.c_str(), 0777) < 0 && errno != EEXIST) return errno;
        struct stat s{};
        if (::stat(folder_.c_str(), &s) < 0) return errno;
        return S_ISDIR(s.st_mode) ? 0 : ENOTDIR;
    }
    int open(const std::string& name, bool write, bool make, std::unique_ptr<File>& out) override {
        const int flags = (write ? O_RDWR : O_RDONLY) | (make ? O_CREAT : 0);
        const int fd = ::open(at(name).c_str(), flags | O_CLOEXEC, 0666);
        if (fd < 0) return errno;
        out = std::make_unique<PosixFile>(fd);
        return 0;
    }
    int list(std::vector<std::string>& names) override {
        DIR* folder = ::opendir(folder_.c_str());
        if (folder == nullptr) return errno;
        errno = 0;
        while (const dirent* entry = ::readdir(folder)) names.emplace_back(entry->d_name);
        const int error = errno;
        ::closedir(folder);
        return error;
    }
    int rename(const std::string& from, const std::string& to) override {
        return error_of(::rename(at(from).c_str(), at(to).c_str()));
    }
    int remove(const std::string& name) override { return error_of(::unlink(at(name).c_str())); }
    int sync_folder() override {
        const Descriptor folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        return folder.get() < 0 ? errno : error_of(::fsync(folder.get()));
    }
    int lock() override {
        const int fd = ::open(at("lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0) return errno;
        lock_.reset(fd);
        const int error = error_of(::flock(fd, LOCK_EX | LOCK_NB));
        if (error != 0) lock_.reset();
        return error;
    }
    void unlock() noexcept override { lock_.reset(); }
    std::uint64_t random() override {
        std::random_device device;
        return std::uint64_t{device()} << 32 | device();
    }

private:
    [[nodiscard]] std::string at(const std::string& name) const { return folder_ + "/" + name; }

    std::string folder_;
    Descriptor lock_;
};

}  // namespace

std::unique_ptr<Files> posix_files(std::string folder) {
    return std::make_unique<PosixFiles>(std::move(folder));
}

}  // namespace mvcore::journal
