// What the C++ test programs say when something is not as it must be.

#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include <fileheap.hpp>

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::fprintf(stderr, "%s:%d: expected %s; last error: %s\n", __FILE__, __LINE__,       \
                         #condition, fheap_last_error());                                          \
            std::exit(1);                                                                          \
        }                                                                                          \
    } while (0)

#define THROWS(status, expression)                                                                 \
    do {                                                                                           \
        fheap_status thrown = FHEAP_OK;                                                            \
        try {                                                                                      \
            expression;                                                                            \
        } catch (const fileheap::error &error) {                                                   \
            thrown = error.code();                                                                 \
        }                                                                                          \
        EXPECT(thrown == (status));                                                                \
    } while (0)

// Small enough for tools that know every address: valgrind, sanitizers.
inline fileheap::options small_heap() {
    return fileheap::options().limit_bytes(std::uint64_t(512) << 20);
}
