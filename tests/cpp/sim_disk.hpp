// A disk in memory that can lose power, fail and lie. What was written is in its cache; what was
// synced is on its platters. Names are cached apart from the bytes of files.
#pragma once

#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "forged.hpp"
#include "mvcore/journal/files.hpp"

namespace sim {

namespace journal = mvcore::journal;

// Thrown by every call from the moment on at which the machine is to stop.
struct Stopped {};

enum class Failure { none, io, full, interrupted, partial, stop };

// What a broken program would do: tests must notice each of them.
struct Bugs {
    bool no_sync = false;         // of files
    bool no_folder_sync = false;  // of names
    bool no_lock = false;
    bool late_sync = false;     // a sync takes effect at the next one only: acknowledged too early
    bool rename_first = false;  // a new file gets its name before it is synced
    bool no_checksums = false;  // what is read is taken for right
    bool hides_damage = false;  // a file ends where the first frame is not whole
    bool partial_is_all = false;  // a write that took a half counts as whole
    bool seal_alone = false;      // a seal is synced, and not what was written before it
};

struct Inode {
    struct Change {
        std::uint64_t offset;
        std::string bytes;
        bool truncates = false;
    };
    std::string cached;
    std::string synced;
    std::vector<Change> pending;  // between the two, oldest first

    static void apply(std::string& to, const Change& change) {
        if (change.truncates) {
            to.resize(change.offset, '\0');
            return;
        }
        if (to.size() < change.offset + change.bytes.size())
            to.resize(change.offset + change.bytes.size(), '\0');
        to.replace(change.offset, change.bytes.size(), change.bytes);
    }
    void change(Change c) {
        apply(cached, c);
        pending.push_back(std::move(c));
    }
    void sync() {
        for (const auto& c : pending) apply(synced, c);
        pending.clear();
    }
};

class Disk {
public:
    using Names = std::map<std::string, std::shared_ptr<Inode>>;

    // The n-th call from now on fails so, once or as every later one.
    void fail(long n, Failure how, bool for_ever) {
        fail_at_ = calls_ + n;
        how_ = how;
        for_ever_ = for_ever;
    }
    void heal() {
        fail_at_ = -1;
        stopped_ = false;
        locked_ = false;
    }
    [[nodiscard]] long calls() const { return calls_; }

    // Every 512 bytes that were not synced are there or not, and every name.
    void lose_power(std::mt19937_64& random) {
        const auto chance = [&] { return random() % 2 == 0; };
        const int mood = static_cast<int>(random() % 4);  // nothing survives, everything, some
        const auto survives = [&] { return mood == 0 ? false : mood == 1 ? true : chance(); };
        Names left = synced_names_;
        for (const auto& c : name_changes_)
            if (survives()) apply(left, c);
        names_ = synced_names_ = left;
        name_changes_.clear();
        for (auto& [name, inode] : names_) {
            for (const auto& c : inode->pending) {
                if (c.truncates) {
                    if (survives()) Inode::apply(inode->synced, c);
                    continue;
                }
                constexpr std::size_t kSector = 512;
                for (std::size_t at = 0; at < c.bytes.size();) {
                    const auto next =
                        std::min(c.bytes.size(), at + kSector - (c.offset + at) % kSector);
                    if (survives())
                        Inode::apply(inode->synced,
                                     {c.offset + at, c.bytes.substr(at, next - at), false});
                    at = next;
                }
            }
            inode->pending.clear();
            inode->cached = inode->synced;
        }
    }
    Names& names() { return names_; }
    // As a copy of the folder would have it.
    [[nodiscard]] std::map<std::string, std::string> contents() const {
        std::map<std::string, std::string> out;
        for (const auto& [name, inode] : names_) out[name] = inode->cached;
        return out;
    }
    void set(const std::map<std::string, std::string>& contents) {
        names_.clear();
        for (const auto& [name, bytes] : contents) {
            auto inode = std::make_shared<Inode>();
            inode->cached = inode->synced = bytes;
            names_[name] = inode;
        }
        synced_names_ = names_;
        name_changes_.clear();
    }

    Bugs bugs;
    std::mutex mutex;
    std::uint64_t book = 0x1234'5678'9ABC'DEF0;  // what a book that begins here takes as its number

private:
    friend class DiskFile;
    friend class DiskFiles;
    struct NameChange {
        std::string from;
        std::string to;
        std::shared_ptr<Inode> inode;
    };
    static void apply(Names& names, const NameChange& c) {
        if (!c.from.empty()) names.erase(c.from);
        if (!c.to.empty()) names[c.to] = c.inode;
    }
    void change(NameChange c) {
        apply(names_, c);
        name_changes_.push_back(std::move(c));
    }
    // errno of this call, 0: it goes through.
    int next_call(bool* partial = nullptr) {
        if (stopped_) throw Stopped();
        ++calls_;
        const bool now = fail_at_ >= 0 && (for_ever_ ? calls_ >= fail_at_ : calls_ == fail_at_);
        if (!now) return 0;
        switch (how_) {
            case Failure::io: return EIO;
            case Failure::full: return partial != nullptr ? ENOSPC : 0;
            case Failure::interrupted: return for_ever_ && calls_ > fail_at_ + 3 ? 0 : EINTR;
            case Failure::partial:
                if (partial != nullptr) *partial = true;
                return 0;
            case Failure::stop: stopped_ = true; throw Stopped();
            default: return 0;
        }
    }

    Names names_;
    Names synced_names_;
    std::vector<NameChange> name_changes_;
    bool locked_ = false;
    long calls_ = 0;
    long fail_at_ = -1;
    Failure how_ = Failure::none;
    bool for_ever_ = false;
    bool stopped_ = false;
};

class DiskFile : public journal::File {
public:
    DiskFile(Disk& disk, std::shared_ptr<Inode> inode) : disk_(disk), inode_(std::move(inode)) {}
    long write(const void* data, std::size_t size, std::uint64_t offset) override {
        const std::scoped_lock hold(disk_.mutex);
        const std::string bytes(static_cast<const char*>(data), size);
        bool partial = false;
        const bool ran = !disk_.stopped_;
        try {
            if (const int error = disk_.next_call(&partial)) return -error;
        } catch (const Stopped&) {
            if (ran) inode_->change({offset, bytes, false});  // it stops while this is under way
            throw;
        }
        const std::size_t taken = partial ? (size + 1) / 2 : size;
        inode_->change({offset, bytes.substr(0, taken), false});
        return static_cast<long>(disk_.bugs.partial_is_all ? size : taken);
    }
    long read(void* data, std::size_t size, std::uint64_t offset) override {
        const std::scoped_lock hold(disk_.mutex);
        bool partial = false;
        if (const int error = disk_.next_call(&partial); error != 0 && error != ENOSPC)
            return -error;
        const std::string bytes = shown();
        if (offset >= bytes.size()) return 0;
        const auto there = std::min<std::size_t>(size, bytes.size() - offset);
        const auto given = partial ? (there + 1) / 2 : there;
        bytes.copy(static_cast<char*>(data), given, offset);
        return static_cast<long>(given);
    }
    long size() override { return static_cast<long>(shown().size()); }
    int sync() override {
        const std::scoped_lock hold(disk_.mutex);
        if (const int error = disk_.next_call()) {
            // As Linux does it: what could not be written counts as written from now on.
            if (error == EIO) inode_->pending.clear();
            return error;
        }
        if (renamed_first()) return 0;
        if (disk_.bugs.seal_alone) return sync_seal();
        if (disk_.bugs.late_sync) {
            const auto rest = std::exchange(later_, inode_->pending.size());
            const auto pending = inode_->pending;
            inode_->pending.clear();
            for (std::size_t k = 0; k < pending.size(); ++k) {
                if (k < rest) Inode::apply(inode_->synced, pending[k]);
                else inode_->pending.push_back(pending[k]);
            }
            later_ = inode_->pending.size();
            return 0;
        }
        if (!disk_.bugs.no_sync) inode_->sync();
        return 0;
    }
    int truncate(std::uint64_t size) override {
        const std::scoped_lock hold(disk_.mutex);
        if (const int error = disk_.next_call()) return error;
        inode_->change({size, {}, true});
        return 0;
    }

private:
    [[nodiscard]] bool renamed_first() const {
        if (!disk_.bugs.rename_first) return false;
        for (const auto& [name, inode] : disk_.names_)
            if (inode == inode_) return name.ends_with(".new");
        return false;
    }
    // Prices are not synced, and a seal by itself.
    int sync_seal() {
        if (inode_->pending.empty()) return 0;
        const auto last = inode_->pending.back();
        const auto kind = last.bytes.size() < sizeof(Header) ? journal::FrameKind::facts
                                                             : header_of(last.bytes, 0).kind;
        if (kind == journal::FrameKind::prices) return 0;
        if (kind != journal::FrameKind::seal) return inode_->sync(), 0;
        inode_->pending.pop_back();
        Inode::apply(inode_->synced, last);
        return 0;
    }
    // As a program sees it that does not look closely.
    [[nodiscard]] std::string shown() const {
        std::string bytes = inode_->cached;
        if (disk_.bugs.no_checksums) make_valid(bytes, frames_of(bytes, false), 0);
        if (disk_.bugs.hides_damage) {
            const auto frames = frames_of(bytes, true);
            bytes.resize(frames.empty() ? 0 : end_of(bytes, frames.back()));
        }
        return bytes;
    }
    Disk& disk_;
    std::shared_ptr<Inode> inode_;
    std::size_t later_ = 0;
};

class DiskFiles : public journal::Files {
public:
    explicit DiskFiles(Disk& disk) : disk_(disk) {}
    ~DiskFiles() override { unlock(); }
    [[nodiscard]] std::string path() const override { return "disk"; }
    int make_folder() override { return call(); }
    int open(const std::string& name, bool, bool make,
             std::unique_ptr<journal::File>& out) override {
        const std::scoped_lock hold(disk_.mutex);
        if (const int error = disk_.next_call()) return error;
        if (!disk_.names_.contains(name)) {
            if (!make) return ENOENT;
            disk_.change({"", name, std::make_shared<Inode>()});
        }
        out = std::make_unique<DiskFile>(disk_, disk_.names_[name]);
        return 0;
    }
    int list(std::vector<std::string>& names) override {
        const std::scoped_lock hold(disk_.mutex);
        if (const int error = disk_.next_call()) return error;
        for (const auto& [name, inode] : disk_.names_) names.push_back(name);
        return 0;
    }
    int rename(const std::string& from, const std::string& to) override {
        const std::scoped_lock hold(disk_.mutex);
        if (const int error = disk_.next_call()) return error;
        if (!disk_.names_.contains(from)) return ENOENT;
        disk_.change({from, to, disk_.names_[from]});
        return 0;
    }
    int remove(const std::string& name) override {
        const std::scoped_lock hold(disk_.mutex);
        if (const int error = disk_.next_call()) return error;
        if (!disk_.names_.contains(name)) return ENOENT;
        disk_.change({name, "", nullptr});
        return 0;
    }
    int sync_folder() override {
        const std::scoped_lock hold(disk_.mutex);
        if (const int error = disk_.next_call()) return error;
        if (disk_.bugs.no_folder_sync) return 0;
        disk_.synced_names_ = disk_.names_;
        disk_.name_changes_.clear();
        return 0;
    }
    int lock() override {
        if (const int error = call()) return error;
        if (disk_.locked_ && !disk_.bugs.no_lock) return EWOULDBLOCK;
        mine_ = disk_.locked_ = true;
        return 0;
    }
    void unlock() noexcept override {
        if (mine_) disk_.locked_ = false;
        mine_ = false;
    }
    std::uint64_t random() override { return disk_.book; }

private:
    int call() {
        const std::scoped_lock hold(disk_.mutex);
        return disk_.next_call();
    }
    Disk& disk_;
    bool mine_ = false;
};

}  // namespace sim
