// The files of a simulated disk, as a journal sees them. With a seeded bug, as a program with that
// bug would see or use them.
#pragma once

#include "sim_disk.hpp"

namespace sim {

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
            if (ran) inode_->change({offset, bytes, false});  // the machine stops during this write
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
            // Like Linux: pages that could not be written count as clean from now on.
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
    // Seeded bug: prices are not synced, and a seal is synced alone.
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
    // The bytes as a careless program sees them.
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
