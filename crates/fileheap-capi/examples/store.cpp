// A key-value store that is a std::map in a file.
//
//     store FILE put KEY VALUE | get KEY | drop KEY | list

#include <cstdio>
#include <cstring>
#include <map>
#include <string>

#include <fileheap.hpp>

using text = std::basic_string<char, std::char_traits<char>, fileheap::allocator<char>>;
using store =
    std::map<text, text, std::less<>, fileheap::allocator<std::pair<const text, text>>>;

int main(int count, char **words) try {
    if (count < 3) {
        std::fprintf(stderr, "usage: store FILE put KEY VALUE | get KEY | drop KEY | list\n");
        return 2;
    }
    const std::string deed = words[2];
    fileheap::heap heap(words[1]);
    auto txn = heap.begin();
    auto *map = heap.find_or_construct<store>("store")();
    if (deed == "put" && count == 5) {
        (*map)[text(words[3], heap.get_allocator<char>())] = words[4];
        txn.commit(); // without this line nothing happened
    } else if (deed == "get" && count == 4) {
        const auto found = map->find(words[3]);
        if (found == map->end()) return 1;
        std::printf("%s\n", found->second.c_str());
    } else if (deed == "drop" && count == 4) {
        const auto found = map->find(words[3]);
        if (found == map->end()) return 1;
        map->erase(found);
        txn.commit();
    } else if (deed == "list") {
        for (const auto &[key, value] : *map) std::printf("%s = %s\n", key.c_str(), value.c_str());
    }
    return 0;
} catch (const fileheap::error &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
