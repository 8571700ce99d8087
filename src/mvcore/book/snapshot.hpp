// A book as it was at one epoch, readable while writes continue.
#pragma once

#include <memory>

#include "mvcore/book/book.hpp"

namespace mvcore {

class Snapshot : public Reader {
public:
    // O(pages): microseconds.
    explicit Snapshot(const std::shared_ptr<Book>& book) : Snapshot(book, Copied(*book)) {}
    // From a state copied earlier, with the names known at that time.
    Snapshot(const std::shared_ptr<Book>& book, State&& state, const NamesKnown& names)
        : Reader(state_, book->names(), lock_, book->lock(), book->value_scale()),
          names_(names),
          book_(book),
          state_(std::move(state)) {
        rest_at_fork(this);
    }
    ~Snapshot() override { forget_at_fork(this); }

    // A snapshot uses the book's names. The book was registered first, so it is already settled.
    void become_child() noexcept override {
        Reader::become_child();
        if (book_->lost_in_fork()) close();
    }

    [[nodiscard]] const NamesKnown& names_known() const noexcept { return names_; }

private:
    struct Copied {
        explicit Copied(Book& book) : state(book.copy(names)) {}
        NamesKnown names;
        State state;
    };
    Snapshot(const std::shared_ptr<Book>& book, Copied&& copied)
        : Snapshot(book, std::move(copied.state), copied.names) {}

    NamesKnown names_;
    std::shared_ptr<Book> book_;  // owns the names
    State state_;
    Lock lock_;  // needed because the index is built on demand
};

}  // namespace mvcore
