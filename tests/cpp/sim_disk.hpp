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

}  // namespace sim
