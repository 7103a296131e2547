// What is put into a heap here compiles or does not: the test says what, and for which message.

#include <deque>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <stack>
#include <string>
#include <unordered_map>
#include <vector>

#include <fileheap.hpp>

using std::string;
template <class T> using vector = std::vector<T, fileheap::allocator<T>>;
template <class T> using list = std::list<T, fileheap::allocator<T>>;
template <class T> using set = std::set<T, std::less<>, fileheap::allocator<T>>;
template <class K, class V>
using map = std::map<K, V, std::less<>, fileheap::allocator<std::pair<const K, V>>>;
template <class K, class V>
using hashed = std::unordered_map<K, V, std::hash<K>, std::equal_to<>,
                                  fileheap::allocator<std::pair<const K, V>>>;

struct person {
    int number;
    string name;
};

struct shape {
    virtual ~shape() = default;
};

void put(const fileheap::heap &heap) { PUT; }
