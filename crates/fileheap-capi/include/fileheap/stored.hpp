/* Which types may be put into a heap: those that are as good in the next program. */

#ifndef FILEHEAP_STORED_HPP
#define FILEHEAP_STORED_HPP

#include <any>
#include <array>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#if __cplusplus > 201703L && __has_include(<span>)
#include <span>
#endif

namespace fileheap {

template <class T> class allocator;

/// Whether a T holds addresses, so that it is of use only where it was made. Specialise it for
/// types of your own.
template <class T> struct holds_addresses : std::is_pointer<T> {};

/// Whether a T may be put into a heap though it is among those that are refused. Specialise it for
/// types of your own that are refused wrongly.
template <class T> struct trusted : std::false_type {};

namespace detail {

/// Whether a T, or a part of it, holds addresses, and binds its heap to one.
template <class T> struct binds : holds_addresses<T> {};
template <class... All>
struct any_binds : std::disjunction<binds<std::remove_cv_t<All>>...> {};
template <class T, std::size_t N> struct binds<T[N]> : any_binds<T> {};
template <class T, std::size_t N> struct binds<std::array<T, N>> : any_binds<T> {};
template <class T> struct binds<std::optional<T>> : any_binds<T> {};
template <class F, class S> struct binds<std::pair<F, S>> : any_binds<F, S> {};
template <class... All> struct binds<std::tuple<All...>> : any_binds<All...> {};
template <class... All> struct binds<std::variant<All...>> : any_binds<All...> {};

/// What speaks against a type; never: no type has it.
enum class fault { none, memory, address, code, never };

template <class T> struct faults;
template <class T> constexpr fault fault_of = faults<std::remove_cv_t<T>>::value;

constexpr fault first_of() noexcept { return fault::none; }
template <class... Others> constexpr fault first_of(fault one, Others... others) noexcept {
    return one != fault::none ? one : first_of(others...);
}
template <fault F> using always = std::integral_constant<fault, F>;

template <class T, class = void> struct is_adaptor : std::false_type {};
template <class T>
struct is_adaptor<T, std::void_t<typename T::container_type>> : std::true_type {};

template <class T, class = void> struct allocates : std::false_type {};
template <class T>
struct allocates<T, std::void_t<typename T::allocator_type::value_type>> : std::true_type {};

template <class A, class = void> struct is_nested : std::false_type {};
template <class A>
struct is_nested<A, std::void_t<typename A::outer_allocator_type>> : std::true_type {};

/// An allocator of plain addresses: ours knows a heap, others may do so if T says what it holds.
template <class T, class A> struct allocator_faults {
    static constexpr fault judge() noexcept {
        if constexpr (is_nested<A>::value) {
            return allocator_faults<T, typename A::outer_allocator_type>::judge();
        } else {
            using pointer = typename std::allocator_traits<A>::pointer;
            const bool is_declared = !std::is_pointer_v<pointer> || holds_addresses<T>::value;
            return is_declared ? fault::none : fault::memory;
        }
    }
};
template <class T, class V> struct allocator_faults<T, allocator<V>> {
    static constexpr fault judge() noexcept { return fault::none; }
};
template <class T, class V> struct allocator_faults<T, std::allocator<V>> {
    static constexpr fault judge() noexcept { return fault::memory; }
};

/// Converts to whatever is asked for. These are never run.
template <std::size_t> struct anything {
    template <class U> operator U() const noexcept;
};
/// Converts to what has one of these faults.
template <fault... Those> struct faulty {
    template <class U, class = std::enable_if_t<((fault_of<U> == Those) || ...)>>
    operator U() const noexcept;
};

template <class T, class All, class = void> struct is_made_of : std::false_type {};
template <class T, class... All>
struct is_made_of<T, std::tuple<All...>, std::void_t<decltype(T{std::declval<All>()...})>>
    : std::true_type {};
template <class T, class... All>
constexpr bool is_made_from = is_made_of<T, std::tuple<All...>>::value;

/// The fault of a member of a plain struct, as far as those can be told apart: in the first 32
/// places, and up to one that not just anything converts to.
template <class T, std::size_t... I>
constexpr fault fault_of_members(std::index_sequence<I...>) noexcept {
    constexpr std::size_t count = sizeof...(I);
    using any = faulty<fault::memory, fault::address, fault::code>;
    if constexpr (count == 32 || !is_made_from<T, anything<I>...>) {
        return fault::none;
    } else if constexpr (is_made_from<T, anything<I>..., any> &&
                         !is_made_from<T, anything<I>..., faulty<fault::never>>) {
        return is_made_from<T, anything<I>..., faulty<fault::memory>>    ? fault::memory
               : is_made_from<T, anything<I>..., faulty<fault::address>> ? fault::address
                                                                         : fault::code;
    } else {
        return fault_of_members<T>(std::make_index_sequence<count + 1>());
    }
}

template <class T> constexpr fault judge() noexcept {
    if constexpr (std::is_reference_v<T>) {
        return fault::address;
    } else if constexpr (std::is_function_v<std::remove_pointer_t<T>> ||
                         std::is_member_function_pointer_v<T> || std::is_polymorphic_v<T>) {
        return fault::code;
    } else if constexpr (is_adaptor<T>::value) {
        return fault_of<typename T::container_type>;
    } else if constexpr (allocates<T>::value) {
        return allocator_faults<T, typename T::allocator_type>::judge();
    } else if constexpr (std::is_class_v<T> && std::is_aggregate_v<T>) {
        return fault_of_members<T>(std::index_sequence<>());
    } else {
        return fault::none;
    }
}

template <class T> struct known : always<judge<T>()> {};
template <class T, std::size_t N> struct known<T[N]> : always<fault_of<T>> {};
template <class T, std::size_t N> struct known<std::array<T, N>> : always<fault_of<T>> {};
template <class T> struct known<std::optional<T>> : always<fault_of<T>> {};
template <class F, class S>
struct known<std::pair<F, S>> : always<first_of(fault_of<F>, fault_of<S>)> {};
template <class... All> struct known<std::tuple<All...>> : always<first_of(fault_of<All>...)> {};
template <class... All> struct known<std::variant<All...>> : always<first_of(fault_of<All>...)> {};

template <class T, class D> struct known<std::unique_ptr<T, D>> {
    using type = std::unique_ptr<T, D>;
    static constexpr bool is_declared =
        !std::is_pointer_v<typename type::pointer> || holds_addresses<type>::value;
    static constexpr fault value = is_declared ? fault::none : fault::memory;
};
template <class T>
struct known<std::unique_ptr<T, std::default_delete<T>>> : always<fault::memory> {};
template <class T> struct known<std::shared_ptr<T>> : always<fault::memory> {};
template <class T> struct known<std::weak_ptr<T>> : always<fault::memory> {};
template <class F> struct known<std::function<F>> : always<fault::code> {};
template <> struct known<std::any> : always<fault::code> {};
template <class T> struct known<std::reference_wrapper<T>> : always<fault::address> {};
template <class T> struct known<std::initializer_list<T>> : always<fault::address> {};
template <class C, class R>
struct known<std::basic_string_view<C, R>> : always<fault::address> {};
#ifdef __cpp_lib_span
template <class T, std::size_t N> struct known<std::span<T, N>> : always<fault::address> {};
#endif

template <class T>
struct faults : std::conditional_t<trusted<T>::value, always<fault::none>, known<T>> {};

/// A T; does not compile where that must not be put into a heap.
template <class T> struct stored {
    using type = T; // first: clang forgets what follows an assertion that failed
    static_assert(fault_of<T> != fault::memory,
                  "this type keeps its elements outside of the heap, where the next program finds "
                  "nothing: give it fileheap::allocator, or own what it points at by "
                  "fileheap::offset_ptr (docs/C.md, \"Containers\")");
    static_assert(fault_of<T> != fault::address,
                  "this type holds an address that says nothing to the next program: keep a copy of "
                  "what lies there, or a fileheap::offset_ptr to it (docs/C.md, \"Containers\")");
    static_assert(fault_of<T> != fault::code,
                  "this type holds the address of code, which lies elsewhere in the next program: "
                  "keep a number that says which is meant (docs/C.md, \"Containers\")");
};
template <class T> using stored_t = typename stored<T>::type;

} // namespace detail
} // namespace fileheap

#endif
