/* A pointer that may live in a heap: it holds its distance to what it points at. */

#ifndef FILEHEAP_OFFSET_PTR_HPP
#define FILEHEAP_OFFSET_PTR_HPP

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <type_traits>

namespace fileheap {

/// Works at any mapping, in any thread, for several heaps at once, in the file and on the stack:
/// the distance from the pointer itself is the same wherever the heap lies, and copying computes
/// it anew. What is stored is the distance less 1: 0 is NULL, and so is zeroed memory, since
/// nothing begins one byte behind the pointer's own first byte. Tests against NULL do not decode,
/// `*` and `->` do not look for NULL. It is not to be copied by memcpy.
template <class T> class offset_ptr {
    template <class U>
    using if_converts = std::enable_if_t<std::is_convertible_v<U *, T *> && !std::is_same_v<U, T>>;
    struct nothing {};

public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;
    using pointer = offset_ptr;
    using reference = std::add_lvalue_reference_t<T>;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::random_access_iterator_tag;
#if defined(__cpp_lib_concepts)
    using iterator_concept = std::contiguous_iterator_tag;
#endif
    template <class U> using rebind = offset_ptr<U>;

    offset_ptr() noexcept = default;
    offset_ptr(T *to) noexcept : stored_(encode(to)) {}
    offset_ptr(const offset_ptr &other) noexcept : stored_(encode(other.get())) {}
    template <class U, class = if_converts<U>>
    offset_ptr(const offset_ptr<U> &other) noexcept : stored_(encode(other.get())) {}
    /// As static_cast does: from void to something, from base to derived.
    template <class U, class = void,
              class = std::enable_if_t<!std::is_convertible_v<U *, T *>,
                                       decltype(static_cast<T *>(std::declval<U *>()), void())>>
    explicit offset_ptr(const offset_ptr<U> &other) noexcept
        : stored_(encode(static_cast<T *>(other.get()))) {}

    offset_ptr &operator=(const offset_ptr &other) noexcept { return *this = other.get(); }
    template <class U, class = if_converts<U>>
    offset_ptr &operator=(const offset_ptr<U> &other) noexcept {
        return *this = static_cast<T *>(other.get());
    }
    offset_ptr &operator=(T *to) noexcept {
        stored_ = encode(to);
        return *this;
    }

    /// The address, here and now.
    T *get() const noexcept { return stored_ == 0 ? nullptr : decode(); }
    /// libstdc++'s strings take their pointers for addresses.
    operator T *() const noexcept { return get(); }
    reference operator*() const noexcept { return *decode(); }
    T *operator->() const noexcept { return decode(); }
    template <class U = T, class = std::enable_if_t<!std::is_void_v<U>>>
    U &operator[](difference_type index) const noexcept {
        return decode()[index];
    }
    explicit operator bool() const noexcept { return stored_ != 0; }
    bool operator!() const noexcept { return stored_ == 0; }

    static offset_ptr pointer_to(std::conditional_t<std::is_void_v<T>, nothing, T> &to) noexcept {
        return offset_ptr(std::addressof(to));
    }

    offset_ptr &operator+=(difference_type count) noexcept { return *this = get() + count; }
    offset_ptr &operator-=(difference_type count) noexcept { return *this = get() - count; }
    offset_ptr &operator++() noexcept { return *this += 1; }
    offset_ptr &operator--() noexcept { return *this -= 1; }
    offset_ptr operator++(int) noexcept {
        offset_ptr before(*this);
        ++*this;
        return before;
    }
    offset_ptr operator--(int) noexcept {
        offset_ptr before(*this);
        --*this;
        return before;
    }
    friend offset_ptr operator+(const offset_ptr &at, difference_type count) noexcept {
        return offset_ptr(at.get() + count);
    }
    friend offset_ptr operator+(difference_type count, const offset_ptr &at) noexcept {
        return offset_ptr(at.get() + count);
    }
    friend offset_ptr operator-(const offset_ptr &at, difference_type count) noexcept {
        return offset_ptr(at.get() - count);
    }

    friend bool operator==(const offset_ptr &one, std::nullptr_t) noexcept { return !one; }
    friend bool operator!=(const offset_ptr &one, std::nullptr_t) noexcept { return bool(one); }
    friend bool operator==(std::nullptr_t, const offset_ptr &one) noexcept { return !one; }
    friend bool operator!=(std::nullptr_t, const offset_ptr &one) noexcept { return bool(one); }

private:
    T *decode() const noexcept {
        return reinterpret_cast<T *>(reinterpret_cast<std::uintptr_t>(this) + stored_ + 1);
    }
    std::uintptr_t encode(const volatile void *to) const noexcept {
        const auto distance =
            reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(this);
        return to == nullptr ? 0 : distance - 1;
    }

    std::uintptr_t stored_ = 0;
};

template <class T, class U>
std::ptrdiff_t operator-(const offset_ptr<T> &one, const offset_ptr<U> &other) noexcept {
    return one.get() - other.get();
}
template <class T, class U>
std::ptrdiff_t operator-(const offset_ptr<T> &one, U *other) noexcept {
    return one.get() - other;
}
template <class T, class U>
std::ptrdiff_t operator-(U *one, const offset_ptr<T> &other) noexcept {
    return one - other.get();
}

#define FILEHEAP_COMPARE(op)                                                                       \
    template <class T, class U>                                                                    \
    bool operator op(const offset_ptr<T> &one, const offset_ptr<U> &other) noexcept {              \
        return one.get() op other.get();                                                           \
    }                                                                                              \
    template <class T, class U>                                                                    \
    bool operator op(const offset_ptr<T> &one, U *other) noexcept {                                \
        return one.get() op other;                                                                 \
    }                                                                                              \
    template <class T, class U>                                                                    \
    bool operator op(U *one, const offset_ptr<T> &other) noexcept {                                \
        return one op other.get();                                                                 \
    }
FILEHEAP_COMPARE(==)
FILEHEAP_COMPARE(!=)
FILEHEAP_COMPARE(<)
FILEHEAP_COMPARE(>)
FILEHEAP_COMPARE(<=)
FILEHEAP_COMPARE(>=)
#undef FILEHEAP_COMPARE

} // namespace fileheap

template <class T> struct std::hash<fileheap::offset_ptr<T>> {
    std::size_t operator()(const fileheap::offset_ptr<T> &at) const noexcept {
        return std::hash<T *>()(at.get());
    }
};

#endif
