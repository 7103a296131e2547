/* C++17 on fileheap.h: heaps, transactions, pointers and allocators that live in the file, objects
 * by name. Header only. The guide is docs/C.md. */

#ifndef FILEHEAP_HPP
#define FILEHEAP_HPP

#include <exception>
#include <string>

#include "fileheap/allocator.hpp"
#include "fileheap/error.hpp"
#include "fileheap/named.hpp"
#include "fileheap/offset_ptr.hpp"
#include "fileheap/options.hpp"

namespace fileheap {

class heap;

/// The open write transaction of a heap. What is not committed when it goes out of scope - on an
/// exception too - is undone. All threads may allocate and store meanwhile.
class transaction {
public:
    explicit transaction(const heap &in, std::uint32_t flags = 0, std::int64_t wait_ms = forever);
    transaction(transaction &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    transaction &operator=(transaction &&other) noexcept {
        if (this != &other) {
            end();
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }
    ~transaction() { end(); }

    static constexpr std::int64_t forever = FHEAP_FOREVER;

    /// Makes it last and ends it. Throws if that fails: then it is undone, and has ended.
    void commit() { check(fheap_commit(std::exchange(handle_, nullptr))); }
    /// The same without exceptions.
    fheap_status try_commit() noexcept { return fheap_commit(std::exchange(handle_, nullptr)); }
    /// Makes what was done so far last, and goes on.
    void commit_and_continue() { check(fheap_commit_and_continue(handle_)); }
    /// Undoes it and ends it.
    void abort() { check(fheap_abort(std::exchange(handle_, nullptr))); }

    /// What its commits are to survive.
    void survive(durability level) {
        check(fheap_set_durability(handle_, static_cast<std::uint32_t>(level)));
    }
    std::uint64_t number() const noexcept { return fheap_txn_number(handle_); }
    bool is_open() const noexcept { return handle_ != nullptr; }
    fheap_txn *handle() const noexcept { return handle_; }

private:
    void end() noexcept {
        if (handle_ != nullptr) fheap_abort(std::exchange(handle_, nullptr));
    }
    fheap_txn *handle_ = nullptr;
};

/// One committed state, as long as this lives. Stays on its thread.
class reading {
public:
    explicit reading(const heap &in, std::int64_t wait_ms = transaction::forever);
    reading(const reading &) = delete;
    reading &operator=(const reading &) = delete;
    ~reading() { fheap_abort(handle_); }

    std::uint64_t number() const noexcept { return fheap_txn_number(handle_); }

private:
    fheap_txn *handle_ = nullptr;
};

/// An open heap; closed at the end of its life, or of its transaction if that lives longer. Can be
/// moved, not copied.
class heap {
public:
    heap() noexcept = default;
    /// Opens the heap, or makes it.
    explicit heap(const std::string &path, const options &how = {}) {
        check(fheap_open_or_create(path.c_str(), &how.raw, nullptr, &handle_));
    }
    static heap create(const std::string &path, const options &how = {}) {
        heap made;
        check(fheap_create(path.c_str(), &how.raw, &made.handle_));
        return made;
    }
    static heap open(const std::string &path, const options &how = {}) {
        heap opened;
        check(fheap_open(path.c_str(), &how.raw, &opened.handle_));
        return opened;
    }
    /// Opens without exceptions: a heap that is not open, and a status, say that it failed.
    static heap try_open(const std::string &path, fheap_status &status,
                         const options &how = {}) noexcept {
        heap opened;
        status = fheap_open(path.c_str(), &how.raw, &opened.handle_);
        return opened;
    }

    heap(heap &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    heap &operator=(heap &&other) noexcept {
        if (this != &other) {
            if (handle_ != nullptr) fheap_release(handle_);
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }
    ~heap() {
        if (handle_ != nullptr) fheap_release(handle_);
    }

    /// Closes it. Throws if a transaction is open, and it stays open then.
    void close() {
        check(fheap_close(handle_));
        handle_ = nullptr;
    }
    bool is_open() const noexcept { return handle_ != nullptr; }
    fheap *handle() const noexcept { return handle_; }

    transaction begin(std::uint32_t flags = 0, std::int64_t wait_ms = transaction::forever) const {
        return transaction(*this, flags, wait_ms);
    }

    /// Raw memory, in the open transaction.
    void *allocate(std::size_t bytes, std::size_t align = 16) const {
        return checked(fheap_alloc_aligned(handle_, align, bytes));
    }
    void *try_allocate(std::size_t bytes, std::size_t align = 16) const noexcept {
        return fheap_alloc_aligned(handle_, align, bytes);
    }
    void deallocate(void *memory) const { check(fheap_free(handle_, memory)); }

    /// An allocator that allocates here.
    template <class T> allocator<T> get_allocator() const {
        return allocator<T>(checked(fheap_base(handle_)));
    }

    /// The object of that name and how many there are; {nullptr, 0} if there is none. Throws
    /// FHEAP_WRONG_TYPE if the name is that of another type.
    template <class T> std::pair<T *, std::size_t> find(const char *name) const {
        return detail::find<T>(handle_, name);
    }
    /// construct<T>(name)(arguments...), construct<T>(name)[count](arguments...): makes an object,
    /// or an array of them, and names it. Throws FHEAP_ALREADY_EXISTS if the name is taken.
    template <class T> detail::maker<T> construct(const char *name) const {
        return detail::maker<T>(handle_, name, false);
    }
    /// The same, but returns the object if it is there.
    template <class T> detail::maker<T> find_or_construct(const char *name) const {
        return detail::maker<T>(handle_, name, true);
    }
    /// Destroys the object, or all of the array, and forgets the name; false if there is none.
    template <class T> bool destroy(const char *name) const {
        return detail::destroy<T>(handle_, name);
    }

    /// The offset of something in the heap, 0 if it is not there; and back.
    std::uint64_t offset_of(const void *address) const noexcept {
        return fheap_adopt(handle_, address);
    }
    void *at(std::uint64_t offset) const noexcept { return fheap_resolve(handle_, offset); }

    bool is_at_recorded_base() const noexcept { return fheap_is_at_recorded_base(handle_) != 0; }
    void sync() const { check(fheap_sync(handle_)); }
    void backup(const std::string &target) const { check(fheap_backup(handle_, target.c_str())); }
    fheap_trim_report trim() const {
        fheap_trim_report report = FHEAP_TRIM_INIT;
        check(fheap_trim(handle_, &report));
        return report;
    }
    fheap_stats stat() const {
        fheap_stats stats = FHEAP_STAT_INIT;
        check(fheap_stat(handle_, &stats));
        return stats;
    }
    /// Walks everything; `finding_count` of a sound heap is 0.
    fheap_check_report check_all() const {
        fheap_check_report report = FHEAP_CHECK_INIT;
        check(fheap_check(handle_, &report));
        return report;
    }

private:
    fheap *handle_ = nullptr;
};

inline transaction::transaction(const heap &in, std::uint32_t flags, std::int64_t wait_ms) {
    check(fheap_begin(in.handle(), flags, wait_ms, &handle_));
}

inline reading::reading(const heap &in, std::int64_t wait_ms) {
    check(fheap_begin_read(in.handle(), wait_ms, &handle_));
}

} // namespace fileheap

#endif
