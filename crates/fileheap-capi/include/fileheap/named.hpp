/* Objects by name: find, construct, find or construct, destroy. */

#ifndef FILEHEAP_NAMED_HPP
#define FILEHEAP_NAMED_HPP

#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "allocator.hpp"
#include "construct.hpp"
#include "error.hpp"
#include "stored.hpp"

namespace fileheap {

/// What a type is called in the file. As the compiler writes it, unless specialised: do so for
/// types that programs of different compilers share.
template <class T> struct type_name {
    static constexpr std::string_view value() noexcept { return __PRETTY_FUNCTION__; }
};

/// What tells types apart: name, size and alignment.
template <class T> constexpr std::uint64_t fingerprint() noexcept {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char letter : type_name<T>::value()) {
        hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
    }
    hash = (hash ^ sizeof(T)) * 0x100000001b3;
    return (hash ^ alignof(T)) * 0x100000001b3;
}

namespace detail {

/// A type's name for people: of what the compiler writes the type alone.
constexpr std::string_view bare_name(std::string_view name) noexcept {
    const std::string_view before = "fileheap::type_name<", begin = "T = ";
    if (name.find(before) == name.npos) return name;
    const std::size_t at = name.find(begin, name.find("::value() ["));
    if (at == name.npos || name.back() != ']') return name;
    name.remove_prefix(at + begin.size());
    name.remove_suffix(1);
    // gcc adds what the names in the function's own type stand for.
    return name.substr(0, name.rfind("; std::string_view = "));
}

inline bool look_up(fheap *heap, const char *name, fheap_root &root) {
    const fheap_status status = fheap_lookup(heap, name, &root);
    if (status == FHEAP_NOT_FOUND) return false;
    check(status);
    return true;
}

template <class T> std::pair<T *, std::size_t> find(fheap *heap, const char *name) {
    static_assert(std::is_same_v<stored_t<T>, T>);
    fheap_root root = FHEAP_ROOT_INIT;
    if (!look_up(heap, name, root)) return {nullptr, 0};
    if (root.kind != FHEAP_KIND_CPP || root.fingerprint != fingerprint<T>() ||
        root.bytes % sizeof(T) != 0) {
        throw error(FHEAP_WRONG_TYPE,
                    std::string("the name \"") + name + "\" is not that of a " +
                        std::string(bare_name(type_name<T>::value())) + "; expected fingerprint " +
                        std::to_string(fingerprint<T>()) + ", found " +
                        std::to_string(root.fingerprint) + " and " + std::to_string(root.bytes) +
                        " bytes; specialise fileheap::type_name if compilers differ");
    }
    return {static_cast<T *>(checked(fheap_resolve(heap, root.offset))), root.bytes / sizeof(T)};
}

/// Whatever fails, what was made so far is destroyed and freed.
template <class T, class... Arguments>
T *make(fheap *heap, const char *name, std::size_t count, Arguments &&...arguments) {
    static_assert(std::is_same_v<stored_t<T>, T>);
    if (count == 0 || count > static_cast<std::size_t>(-1) / 2 / sizeof(T)) {
        throw error(FHEAP_INVALID_ARGUMENT, "an array of none, or of too many");
    }
    constexpr std::size_t align = alignof(T) > 16 ? alignof(T) : 16;
    void *const memory = checked(fheap_alloc_aligned(heap, align, count * sizeof(T)));
    T *const first = static_cast<T *>(memory);
    std::size_t made = 0;
    try {
        if (binds<T>::value) check(fheap_hold_addresses(memory));
        const allocator<T> here(fheap_base(heap));
        for (; made < count; ++made) {
            // Each element of an array gets copies.
            if (count == 1) {
                build(first, here, std::forward<Arguments>(arguments)...);
            } else {
                build(first + made, here, arguments...);
            }
        }
        fheap_root root = FHEAP_ROOT_INIT;
        root.kind = FHEAP_KIND_CPP;
        root.fingerprint = fingerprint<T>();
        root.offset = fheap_adopt(heap, memory);
        root.bytes = count * sizeof(T);
        check(fheap_bind(heap, name, &root));
    } catch (...) {
        std::destroy_n(first, made);
        fheap_free(heap, memory);
        throw;
    }
    return first;
}

template <class T> bool destroy(fheap *heap, const char *name) {
    const auto [first, count] = find<T>(heap, name);
    if (first == nullptr) return false;
    check(fheap_unbind(heap, name, nullptr));
    std::destroy_n(first, count);
    check(fheap_free(heap, first));
    return true;
}

/// What construct<T>(name) returns: waits for the arguments.
template <class T> class maker {
public:
    maker(fheap *heap, const char *name, bool finds) noexcept
        : heap_(heap), name_(name), finds_(finds) {}
    maker operator[](std::size_t count) const noexcept {
        maker array(*this);
        array.count_ = count;
        return array;
    }
    template <class... Arguments> T *operator()(Arguments &&...arguments) const {
        if (T *const found = here()) return found;
        try {
            return make<T>(heap_, name_, count_, std::forward<Arguments>(arguments)...);
        } catch (const error &failure) {
            // Another thread may have been quicker.
            T *const found = failure.code() == FHEAP_ALREADY_EXISTS ? here() : nullptr;
            if (found == nullptr) throw;
            return found;
        }
    }

private:
    T *here() const { return finds_ ? find<T>(heap_, name_).first : nullptr; }

    fheap *heap_;
    const char *name_;
    std::size_t count_ = 1;
    bool finds_;
};

} // namespace detail
} // namespace fileheap

#endif
