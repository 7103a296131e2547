/* An allocator for the standard containers: what they hold lives in the heap they live in. */

#ifndef FILEHEAP_ALLOCATOR_HPP
#define FILEHEAP_ALLOCATOR_HPP

#include <cstddef>
#include <forward_list>
#include <list>
#include <map>
#include <new>
#include <set>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>

#include "construct.hpp"
#include "error.hpp"
#include "offset_ptr.hpp"
#include "stored.hpp"

namespace fileheap {

// The nodes of libstdc++'s map, set, list and unordered containers hold addresses (before GCC 15 or
// 16); libc++'s hold whatever pointers their allocator has.
#if defined(_GLIBCXX_DEBUG)
#error "containers of libstdc++'s debug mode hold the addresses of their iterators"
#elif defined(__GLIBCXX__)
template <class V> struct holds_addresses<std::_Rb_tree_node<V>> : std::true_type {};
template <class V> struct holds_addresses<std::_List_node<V>> : std::true_type {};
template <class V> struct holds_addresses<std::_Fwd_list_node<V>> : std::true_type {};
template <class V, bool C>
struct holds_addresses<std::__detail::_Hash_node<V, C>> : std::true_type {};
#elif defined(_LIBCPP_VERSION)
// The strings of libc++ keep their pointer in a union, where none but an address can stand.
template <> struct holds_addresses<char> : std::true_type {};
template <> struct holds_addresses<wchar_t> : std::true_type {};
template <> struct holds_addresses<char16_t> : std::true_type {};
template <> struct holds_addresses<char32_t> : std::true_type {};
// The links of all nodes are like the pointers of what lies in them.
template <> struct holds_addresses<std::__tree_node_base<void *>> : std::true_type {};
template <class P> struct holds_addresses<std::__hash_node_base<P *>> : std::true_type {};
template <class V> struct holds_addresses<std::__tree_node<V, void *>> : std::true_type {};
template <class V> struct holds_addresses<std::__hash_node<V, void *>> : std::true_type {};
template <class V> struct holds_addresses<std::__list_node<V, void *>> : std::true_type {};
template <class V> struct holds_addresses<std::__forward_list_node<V, void *>> : std::true_type {};

namespace detail {
template <class V> struct binds<std::__tree_node<V, offset_ptr<void>>> : any_binds<V> {};
template <class V> struct binds<std::__hash_node<V, offset_ptr<void>>> : any_binds<V> {};
#if _LIBCPP_VERSION < 200000
template <class K, class V> struct binds<std::__value_type<K, V>> : any_binds<K, V> {};
template <class K, class V> struct binds<std::__hash_value_type<K, V>> : any_binds<K, V> {};
#endif
template <class V> struct binds<std::__list_node<V, offset_ptr<void>>> : any_binds<V> {};
template <class V>
struct binds<std::__forward_list_node<V, offset_ptr<void>>> : any_binds<V> {};
} // namespace detail
#endif

/// Eight bytes: its distance to the first byte of its heap, or nothing: then it allocates in the
/// heap that it lies in itself, so that strings in a vector in a map need not be told where. One
/// that lies in a heap is always that heap's, whichever it was copied from.
///
/// A container that holds addresses works too, as long as the heap lies at its recorded address;
/// the heap then refuses to open elsewhere.
template <class T> class allocator {
public:
    using value_type = T;
    using pointer = std::conditional_t<holds_addresses<T>::value, T *, offset_ptr<T>>;
    using const_pointer =
        std::conditional_t<holds_addresses<T>::value, const T *, offset_ptr<const T>>;
    using void_pointer =
        std::conditional_t<holds_addresses<T>::value, void *, offset_ptr<void>>;
    using const_void_pointer =
        std::conditional_t<holds_addresses<T>::value, const void *, offset_ptr<const void>>;
    using size_type = std::size_t;
    using difference_type = std::ptrdiff_t;
    using is_always_equal = std::false_type;

    /// Of the heap that it is going to lie in.
    allocator() noexcept { mark(); }
    /// Of the heap whose first byte is at `base`.
    explicit allocator(void *base) noexcept { settle(base); }
    allocator(const allocator &other) noexcept { follow(other); }
    template <class U> allocator(const allocator<U> &other) noexcept { follow(other); }
    allocator &operator=(const allocator &other) noexcept {
        base_ = nullptr;
        follow(other);
        return *this;
    }

    pointer allocate(size_type count) {
        static_assert(std::is_same_v<detail::stored_t<T>, T>);
        if (count > static_cast<size_type>(-1) / 2 / sizeof(T)) throw std::bad_array_new_length();
        const std::uint32_t flags = detail::binds<T>::value ? FHEAP_HOLDS_ADDRESSES : 0;
        constexpr std::size_t align = alignof(T) > 16 ? alignof(T) : 16;
        void *memory = fheap_alloc_near(near(), align, count * sizeof(T), flags);
        return static_cast<T *>(checked(memory));
    }
    /// A failure - outside of a transaction, say - leaves the memory allocated.
    void deallocate(pointer memory, size_type) noexcept {
        fheap_free_near(static_cast<void *>(std::addressof(*memory)));
    }

    /// Elements that allocate do so here too. Whatever is constructed comes by here to be judged.
    template <class U, class... Arguments,
              std::enable_if_t<detail::takes<detail::stored_t<U>, allocator>::value, int> = 0>
    void construct(U *at, Arguments &&...arguments) {
        detail::build(at, *this, std::forward<Arguments>(arguments)...);
    }

    /// The first byte of its heap; nullptr if it has none and lies in none.
    void *base() const noexcept {
        void *const known = base_.get();
        return known != nullptr || !fheap_is_inside(this) ? known : fheap_base_of(this);
    }

    friend bool operator==(const allocator &one, const allocator &other) noexcept {
        return one.base() == other.base();
    }
    friend bool operator!=(const allocator &one, const allocator &other) noexcept {
        return one.base() != other.base();
    }

private:
    template <class U> void follow(const allocator<U> &other) noexcept {
        if (!fheap_is_inside(this)) base_ = other.base();
        mark();
    }
    void settle(void *base) noexcept {
        if (!fheap_is_inside(this)) base_ = base;
        mark();
    }
    /// Even empty containers of this sort hold addresses: of themselves. A failure is met again at
    /// the first allocation, and by the commit.
    void mark() const noexcept {
        if (detail::binds<T>::value && fheap_is_inside(near())) fheap_hold_addresses(near());
    }
    const void *near() const noexcept {
        const void *const known = base_.get();
        return known != nullptr ? known : this;
    }

    offset_ptr<void> base_;
};

} // namespace fileheap

#endif
