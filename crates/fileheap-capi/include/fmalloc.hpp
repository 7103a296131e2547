/* fmalloc's fm_ptr on fileheap: a pointer that may live in the file. */

#ifndef FILEHEAP_FMALLOC_HPP
#define FILEHEAP_FMALLOC_HPP

#include "fileheap/offset_ptr.hpp"
#include "fmalloc.h"

/// Works like a T* wherever it stands, in any thread, for several files at once; see
/// fileheap::offset_ptr. All operators of a T* come with the conversion.
template <class T> class fm_ptr {
public:
    fm_ptr() noexcept = default;
    fm_ptr(T *to) noexcept : to_(to) {}
    template <class U, class = std::enable_if_t<std::is_convertible_v<U *, T *>>>
    fm_ptr(const fm_ptr<U> &other) noexcept : to_(other.get()) {}
    fm_ptr &operator=(T *to) noexcept {
        to_ = to;
        return *this;
    }

    T *get() const noexcept { return to_.get(); }
    operator T *() const noexcept { return to_.get(); }
    T *operator->() const noexcept { return to_.operator->(); }

    fm_ptr &operator+=(std::ptrdiff_t count) noexcept {
        to_ += count;
        return *this;
    }
    fm_ptr &operator-=(std::ptrdiff_t count) noexcept {
        to_ -= count;
        return *this;
    }
    fm_ptr &operator++() noexcept { return *this += 1; }
    fm_ptr &operator--() noexcept { return *this -= 1; }
    fm_ptr operator++(int) noexcept {
        fm_ptr before(*this);
        ++to_;
        return before;
    }
    fm_ptr operator--(int) noexcept {
        fm_ptr before(*this);
        --to_;
        return before;
    }

private:
    fileheap::offset_ptr<T> to_;
};

#endif
