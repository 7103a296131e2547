/* Errors of fileheap as exceptions. */

#ifndef FILEHEAP_ERROR_HPP
#define FILEHEAP_ERROR_HPP

#include <cstdint>
#include <stdexcept>
#include <string>

#include "../fileheap.h"

namespace fileheap {

/// What went wrong: what, in which file and where, found and expected, what to do.
class error : public std::runtime_error {
public:
    error(fheap_status code, const std::string &text) : std::runtime_error(text), code_(code) {}
    /// The last error of this thread.
    static error last() {
        error made(fheap_last_status(), fheap_last_error());
        const char *path = fheap_last_path();
        if (path != nullptr) made.path_ = path;
        made.offset_ = fheap_last_offset();
        return made;
    }

    fheap_status code() const noexcept { return code_; }
    /// The file it is about; empty if there is none.
    const std::string &path() const noexcept { return path_; }
    /// The byte in that file, or 0.
    std::uint64_t offset() const noexcept { return offset_; }

private:
    fheap_status code_;
    std::string path_;
    std::uint64_t offset_ = 0;
};

/// Throws unless all went well.
inline void check(fheap_status status) {
    if (status != FHEAP_OK) throw error::last();
}

/// Throws if there is nothing.
template <class T> T *checked(T *found) {
    if (found == nullptr) throw error::last();
    return found;
}

} // namespace fileheap

#endif
