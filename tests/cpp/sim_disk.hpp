// A disk in memory that can lose power, fail and lie. Writes go to its cache; a sync moves them to
// its platters. Names are cached separately from the bytes of files.
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

// Thrown by the call at which the machine stops, and by every later call.
struct Stopped {};

enum class Failure { none, io, full, interrupted, partial, stop };

// Bugs that a broken program may have. Tests must notice each of them.
struct Bugs {
    bool no_sync = false;         // of files
    bool no_folder_sync = false;  // of names
    bool no_lock = false;
    // A sync takes effect at the next sync, so the acknowledgement comes too early.
    bool late_sync = false;
    bool rename_first = false;    // a new file gets its name before it is synced
    bool no_checksums = false;    // reads are not verified
    bool hides_damage = false;    // a file ends before its first broken frame
    bool partial_is_all = false;  // a partial write counts as complete
    bool seal_alone = false;      // a seal is synced without the frames before it
};

struct Inode {
    struct Change {
        std::uint64_t offset;
        std::string bytes;
        bool truncates = false;
    };
    std::string cached;
    std::string synced;
    std::vector<Change> pending;  // cached but not synced, oldest first

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

    // Makes the n-th call from now on fail, once or together with every later call.
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

    // Every unsynced sector of 512 bytes survives or not, and so does every unsynced name.
    void lose_power(std::mt19937_64& random) {
        const auto chance = [&] { return random() % 2 == 0; };
        // 0: nothing survives, 1: everything, else some.
        const int mood = static_cast<int>(random() % 4);
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
    // The files as a copy of the folder would have them.
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
    std::uint64_t book = 0x1234'5678'9ABC'DEF0;  // number of a book that begins here

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
    // Returns the errno of this call; 0: it succeeds.
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
