// A book as it was at one epoch, to be read while writes go on.
#pragma once

#include <memory>

#include "book.hpp"

namespace mvcore {

class Snapshot : public Reader {
public:
    // O(pages): microseconds.
    explicit Snapshot(const std::shared_ptr<Book>& book) : Snapshot(book, book->copy()) {}
    // Of a copy that was taken before.
    Snapshot(const std::shared_ptr<Book>& book, State&& state)
        : Reader(state_, book->names(), lock_, book->lock(), book->value_scale()),
          book_(book),
          state_(std::move(state)) {}

private:
    std::shared_ptr<Book> book_;  // the names
    State state_;
    Lock lock_;  // the index is built when it is first needed
};

}  // namespace mvcore
