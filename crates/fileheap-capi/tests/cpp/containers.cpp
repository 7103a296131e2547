// The standard containers in the file: built by one run ("build"), read and changed by another
// ("read"), undone by an exception, and beside a copy where they hold no addresses.

#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "expect.hpp"

namespace {

template <class T> using in_file = fileheap::allocator<T>;
using string = std::basic_string<char, std::char_traits<char>, in_file<char>>;
using numbers = std::vector<int, in_file<int>>;
using texts = std::vector<string, in_file<string>>;
#ifdef _LIBCPP_VERSION
// The deque of libc++ 14 does not compile with pointers that are no addresses.
using queue = std::list<string, in_file<string>>;
#else
using queue = std::deque<string, in_file<string>>;
#endif
using ordered =
    std::map<string, numbers, std::less<string>, in_file<std::pair<const string, numbers>>>;
using hashed = std::unordered_map<int, string, std::hash<int>, std::equal_to<int>,
                                  in_file<std::pair<const int, string>>>;
using numbered = std::multiset<long, std::less<long>, in_file<long>>;
using chain = std::list<string, in_file<string>>;
using single = std::forward_list<int, in_file<int>>;
using distinct = std::unordered_set<int, std::hash<int>, std::equal_to<int>, in_file<int>>;

// What holds no address: in libstdc++ all but nodes, in libc++ all but strings.
#ifdef _LIBCPP_VERSION
using free_one = std::map<int, long, std::less<int>, in_file<std::pair<const int, long>>>;
using free_two = std::list<long, in_file<long>>;
void add(free_one &all) { all.emplace(int(all.size()), 7); }
void add(free_two &all) { all.push_back(7); }
bool is_whole(const free_one &all) { return all.size() == 1 && all.at(0) == 7; }
bool is_whole(const free_two &all) { return all.size() == 1 && all.front() == 7; }
#else
using free_one = texts;
using free_two = queue;
template <class T> void add(T &all) { all.emplace_back("a text that does not fit into a string"); }
template <class T> bool is_whole(const T &all) {
    return all.size() == 1 && all.front() == "a text that does not fit into a string";
}
#endif

// Told nothing: everything in it finds its heap by lying there.
struct everything {
    numbers squares;
    texts words;
    queue line;
    ordered index;
    hashed table;
    numbered sorted;
    chain links;
    single front;
    distinct once;
};

std::string text(int number) {
    return (number % 2 ? "a text that is too long to stand in the string itself, number "
                       : "short ") +
           std::to_string(number);
}

void add(everything &all, int from, int to) {
    for (int i = from; i < to; ++i) {
        const std::string word = text(i);
        all.squares.push_back(i * i);
        all.words.emplace_back(word.c_str());
        all.line.emplace_front(word.c_str());
        all.index[string(word.c_str(), all.words.get_allocator())].push_back(i);
        all.table[i] = word.c_str();
        all.sorted.insert(-i);
        all.links.emplace_back(word.c_str());
        all.front.push_front(i);
        all.once.insert(i);
    }
}

void verify(const everything &all, int count) {
    EXPECT(all.squares.size() == size_t(count) && all.words.size() == size_t(count));
    EXPECT(all.line.size() == size_t(count) && all.index.size() == size_t(count));
    EXPECT(all.table.size() == size_t(count) && all.sorted.size() == size_t(count));
    EXPECT(all.links.size() == size_t(count) && all.once.size() == size_t(count));
    auto link = all.links.begin();
    auto line = all.line.rbegin();
    auto front = all.front.begin();
    for (int i = 0; i < count; ++i, ++link, ++line, ++front) {
        const std::string word = text(i);
        EXPECT(all.squares[i] == i * i && all.words[i] == word.c_str());
        EXPECT(*line == word.c_str() && *link == word.c_str());
        EXPECT(all.table.at(i) == word.c_str() && all.once.count(i) == 1);
        EXPECT(*front == count - 1 - i);
    }
    long last = -count;
    for (const long number : all.sorted) EXPECT(number == ++last);
    for (const auto &[word, where] : all.index) EXPECT(word == text(where.at(0)).c_str());
}

// Whether this standard library's nodes hold addresses.
bool nodes_hold_addresses(const fileheap::heap &heap) {
    return fheap_lookup(heap.handle(), "fileheap.addresses", nullptr) == FHEAP_OK;
}

void build(const std::string &path) {
    auto heap = fileheap::heap::create(path, small_heap());
    auto txn = heap.begin();
    auto *all = heap.construct<everything>("all")();
    add(*all, 0, 500);
    verify(*all, 500);
    // All of it lies in the file.
    EXPECT(heap.offset_of(all->squares.data()) != 0 && heap.offset_of(&all->words[1][0]) != 0);
    EXPECT(heap.offset_of(&all->index.begin()->second) != 0);
    EXPECT(heap.offset_of(&all->table.at(7)[0]) != 0);
    heap.construct<texts>("told")(heap.get_allocator<string>())->emplace_back("x");
    heap.construct<numbers>("plain")(heap.get_allocator<int>())->assign(1000, 3);
    txn.commit();
    try {
        auto doomed = heap.begin();
        add(*all, 500, 600);
        throw 1;
    } catch (int) {
    }
    verify(*all, 500);
    EXPECT(heap.check_all().finding_count == 0);
}

void read(const std::string &path) {
    auto heap = fileheap::heap::open(path, small_heap());
    auto *all = heap.find<everything>("all").first;
    EXPECT(all != nullptr);
    verify(*all, 500);
    auto txn = heap.begin();
    add(*all, 500, 700);
    verify(*all, 700);
    all->words.resize(500);
    all->words.shrink_to_fit();
    const texts copy(all->words, heap.get_allocator<string>());
    EXPECT(copy == all->words);
    texts moved(std::move(all->words));
    all->words = std::move(moved);
    EXPECT(all->words.size() == 500 && heap.destroy<texts>("told"));
    txn.abort();
    verify(*all, 500);
    txn = heap.begin();
    EXPECT(heap.destroy<everything>("all") && heap.destroy<texts>("told"));
    EXPECT(heap.destroy<numbers>("plain"));
    txn.commit();
    const auto report = heap.check_all();
    EXPECT(report.finding_count == 0);
    // What is left is the catalog's own: no container lost anything.
    EXPECT(report.live_count == report.catalog_count);
}

// A copy of the open heap gets another address.
void beside(const std::string &path) {
    auto heap = fileheap::heap::open(path, small_heap());
    heap.backup(path + ".copy");
    if (nodes_hold_addresses(heap)) {
        THROWS(FHEAP_ADDRESS_TAKEN, fileheap::heap::open(path + ".copy", small_heap()));
    } else {
        auto copy = fileheap::heap::open(path + ".copy", small_heap());
        verify(*copy.find<everything>("all").first, 500);
    }
    auto plain = fileheap::heap::create(path + ".plain", small_heap());
    auto txn = plain.begin();
    plain.construct<numbers>("plain")(plain.get_allocator<int>())->assign(1000, 3);
    add(*plain.construct<free_one>("one")());
    add(*plain.construct<free_two>("two")());
    txn.commit();
    EXPECT(!nodes_hold_addresses(plain));
    plain.backup(path + ".plain-copy");
    auto copy = fileheap::heap::open(path + ".plain-copy", small_heap());
    EXPECT(!copy.is_at_recorded_base());
    EXPECT(copy.find<numbers>("plain").first->at(999) == 3);
    auto *one = copy.find<free_one>("one").first;
    EXPECT(is_whole(*one) && is_whole(*copy.find<free_two>("two").first));
    auto elsewhere = copy.begin();
    add(*one);
    // What holds addresses is refused where they would be wrong the next time.
    using raw = std::vector<int *, in_file<int *>>;
    auto *pointers = copy.construct<raw>("raw")();
    THROWS(FHEAP_ADDRESS_TAKEN, pointers->push_back(nullptr));
    THROWS(FHEAP_ADDRESS_TAKEN, elsewhere.commit());
    EXPECT(is_whole(*one));
}

} // namespace

int main(int count, char **arguments) {
    EXPECT(count == 3);
    const std::string path = std::string(arguments[1]) + "/containers.heap", what = arguments[2];
    if (what == "build") build(path);
    if (what == "beside") beside(path);
    if (what == "read") read(path);
    return 0;
}
