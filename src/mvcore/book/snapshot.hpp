// A book as it was at one epoch, to be read while writes go on.
#pragma once

#include <memory>

#include "mvcore/book/book.hpp"

namespace mvcore {

class Snapshot : public Reader {
public:
    // O(pages): microseconds.
    explicit Snapshot(const std::shared_ptr<Book>& book) : Snapshot(book, Copied(*book)) {}
    // Of a copy that was taken before, when there were these names.
    Snapshot(const std::shared_ptr<Book>& book, State&& state, const NamesKnown& names)
        : Reader(state_, book->names(), lock_, book->lock(), book->value_scale()),
          names_(names),
          book_(book),
          state_(std::move(state)) {
        rest_at_fork(this);
    }
    ~Snapshot() override { forget_at_fork(this); }

    // Its names are the book's, which was registered first.
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
    std::shared_ptr<Book> book_;  // the names
    State state_;
    Lock lock_;  // the index is built when it is first needed
};

}  // namespace mvcore
