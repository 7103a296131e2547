/* How objects in a heap are constructed: what allocates is told where, containers in containers too,
 * so that copies and moves between heaps leave nothing in the wrong one. */

#ifndef FILEHEAP_CONSTRUCT_HPP
#define FILEHEAP_CONSTRUCT_HPP

#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace fileheap {
namespace detail {

template <class U> struct is_pair : std::false_type {};
template <class F, class S> struct is_pair<std::pair<F, S>> : std::true_type {};
template <class U> struct is_pair<const U> : is_pair<U> {};

/// Whether a U, or a half of it, takes an allocator that an A converts to.
template <class U, class A> struct takes : std::uses_allocator<U, A> {};
template <class F, class S, class A>
struct takes<std::pair<F, S>, A> : std::disjunction<takes<F, A>, takes<S, A>> {};

/// What to construct a U from: the arguments, and the allocator where U has a place for it. One
/// that the caller named stays.
template <class U, class A, class... Arguments>
auto told(const A &allocator, Arguments &&...arguments) noexcept {
    if constexpr (!std::uses_allocator_v<U, A>) {
        return std::tuple<Arguments &&...>(std::forward<Arguments>(arguments)...);
    } else if constexpr (std::is_constructible_v<U, std::allocator_arg_t, const A &,
                                                 Arguments...>) {
        return std::tuple<std::allocator_arg_t, const A &, Arguments &&...>(
            std::allocator_arg, allocator, std::forward<Arguments>(arguments)...);
    } else if constexpr (std::is_constructible_v<U, Arguments..., const A &>) {
        return std::tuple<Arguments &&..., const A &>(std::forward<Arguments>(arguments)...,
                                                      allocator);
    } else {
        return std::tuple<Arguments &&...>(std::forward<Arguments>(arguments)...);
    }
}

template <class U, class... Arguments> void place(U *at, std::tuple<Arguments...> &&from) {
    std::apply(
        [at](auto &&...all) {
            ::new (const_cast<void *>(static_cast<const volatile void *>(at)))
                U(std::forward<decltype(all)>(all)...);
        },
        std::move(from));
}

template <class U, class A, class... Ones, class... Others>
void build_pair(U *at, const A &allocator, std::piecewise_construct_t,
                std::tuple<Ones...> ones, std::tuple<Others...> others) {
    const auto with = [&allocator](auto *half, auto &&from) {
        using type = std::remove_pointer_t<decltype(half)>;
        return std::apply(
            [&allocator](auto &&...all) {
                return told<type>(allocator, std::forward<decltype(all)>(all)...);
            },
            std::forward<decltype(from)>(from));
    };
    typename U::first_type *const first = nullptr;
    typename U::second_type *const second = nullptr;
    place(at, std::make_tuple(std::piecewise_construct, with(first, std::move(ones)),
                              with(second, std::move(others))));
}
template <class U, class A> void build_pair(U *at, const A &allocator) {
    build_pair(at, allocator, std::piecewise_construct, std::tuple<>(), std::tuple<>());
}
template <class U, class A, class F, class S>
void build_pair(U *at, const A &allocator, F &&first, S &&second) {
    build_pair(at, allocator, std::piecewise_construct,
               std::forward_as_tuple(std::forward<F>(first)),
               std::forward_as_tuple(std::forward<S>(second)));
}
template <class U, class A, class P> void build_pair(U *at, const A &allocator, P &&pair) {
    if constexpr (is_pair<std::remove_reference_t<P>>::value) {
        build_pair(at, allocator, std::get<0>(std::forward<P>(pair)),
                   std::get<1>(std::forward<P>(pair)));
    } else {
        build_pair(at, allocator, U(std::forward<P>(pair)));
    }
}

/// Constructs a U there; it, or its halves, allocate where the allocator says.
template <class U, class A, class... Arguments>
void build(U *at, const A &allocator, Arguments &&...arguments) {
    if constexpr (is_pair<U>::value) {
        build_pair(at, allocator, std::forward<Arguments>(arguments)...);
    } else {
        place(at, told<U>(allocator, std::forward<Arguments>(arguments)...));
    }
}

} // namespace detail
} // namespace fileheap

#endif
