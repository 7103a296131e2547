/* How to open a heap. */

#ifndef FILEHEAP_OPTIONS_HPP
#define FILEHEAP_OPTIONS_HPP

#include <cstdint>

#include "../fileheap.h"

namespace fileheap {

/// What a commit survives.
enum class durability : std::uint32_t {
    power = FHEAP_POWER,
    background = FHEAP_BACKGROUND,
    process = FHEAP_PROCESS,
};

/// fileheap::options().read_only().limit_bytes(1 << 30): see fheap_options.
struct options {
    fheap_options raw = FHEAP_OPTIONS_INIT;

    options &read_only() noexcept { return set(FHEAP_READ_ONLY); }
    options &fixed_address() noexcept { return set(FHEAP_FIXED_ADDRESS); }
    options &allow_network() noexcept { return set(FHEAP_ALLOW_NETWORK); }
    options &survive(durability level) noexcept {
        raw.durability = static_cast<std::uint32_t>(level);
        return *this;
    }
    options &limit_bytes(std::uint64_t bytes) noexcept {
        raw.limit_bytes = bytes;
        return *this;
    }
    options &base(std::uint64_t address) noexcept {
        raw.base = address;
        return *this;
    }
    options &capture(std::uint32_t way) noexcept {
        raw.capture = way;
        return *this;
    }
    options &log_bytes(std::uint64_t bytes) noexcept {
        raw.log_bytes = bytes;
        return *this;
    }

private:
    options &set(std::uint32_t flag) noexcept {
        raw.flags |= flag;
        return *this;
    }
};

} // namespace fileheap

#endif
