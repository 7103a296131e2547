// C surface over Boost.Interprocess's managed_mapped_file, for the adapter in src/boost.rs.
#include <boost/interprocess/managed_mapped_file.hpp>
#include <cstddef>

using boost::interprocess::create_only;
using boost::interprocess::managed_mapped_file;

extern "C" {

void *boostpeer_create(const char *path, std::size_t bytes) noexcept {
    try {
        return new managed_mapped_file(create_only, path, bytes);
    } catch (...) {
        return nullptr;
    }
}

void *boostpeer_alloc(void *heap, std::size_t bytes) noexcept {
    return static_cast<managed_mapped_file *>(heap)->allocate(bytes, std::nothrow);
}

void boostpeer_free(void *heap, void *block) noexcept {
    static_cast<managed_mapped_file *>(heap)->deallocate(block);
}

void boostpeer_close(void *heap) noexcept { delete static_cast<managed_mapped_file *>(heap); }
}
