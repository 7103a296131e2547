// Which types may be put into a heap, which are refused for which reason, and which bind the heap
// to its address.

#include <any>
#include <array>
#include <atomic>
#include <deque>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <scoped_allocator>
#include <set>
#include <sstream>
#include <stack>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>
#if __has_include(<memory_resource>)
#include <memory_resource>
#endif

#include "expect.hpp"

namespace {

using fileheap::detail::fault;
using fileheap::detail::fault_of;
template <class T> using in_file = fileheap::allocator<T>;
using text = std::basic_string<char, std::char_traits<char>, in_file<char>>;
using texts = std::vector<text, in_file<text>>;
using scoped = std::scoped_allocator_adaptor<in_file<char>>;

struct virtually {
    virtual ~virtually() = default;
};

struct in_scope {
    using allocator_type = in_file<char>;
};

// Types that name what is no allocator.
struct odd {
    using allocator_type = int;
};

// An allocator of somebody else's; what it is used for says what that holds.
template <class T> struct elsewhere {
    using value_type = T;
    T *allocate(std::size_t);
    void deallocate(T *, std::size_t);
};
template <class T> struct declared : std::vector<T, elsewhere<T>> {};

// Frees in the heap what it points at.
struct in_heap {
    using pointer = fileheap::offset_ptr<long>;
    void operator()(const pointer &gone) const noexcept { fheap_free_near(gone.get()); }
};
struct by_address {
    void operator()(long *) const noexcept {}
};

// Plain structs are looked into.
struct good_members {
    int number;
    text name;
    texts lines;
    long *address;
    std::optional<text> note;
    std::variant<int, text> either;
    struct {
        char letters[16];
        fileheap::offset_ptr<good_members> next;
    } inner;
    const int last = 7;
};
// One whose second member takes everything, and one that moves nowhere.
struct greedy {
    greedy() = default;
    template <class U> greedy(U &&) {}
};
struct fixed {
    std::atomic<int> number;
    greedy taker;
    fixed(const fixed &) = delete;
};
struct with_taker {
    int number;
    greedy taker;
};
struct name_last {
    char letters[16];
    good_members good;
    std::string name;
};
struct name_inside {
    int number;
    struct {
        int other;
        std::vector<int> numbers[2];
    } inner;
};
struct name_first {
    std::string name;
    int age;
};
struct name_in_base : name_first {
    int more;
};
struct views {
    long number;
    std::string_view view;
};
struct callback {
    int number;
    void (*call)(int);
};
struct recursive {
    std::vector<recursive, in_file<recursive>> children;
    std::map<int, recursive, std::less<>, in_file<std::pair<const int, recursive>>> more;
};

struct refers {
    long *to;
};

struct judged_by_hand : virtually {};

} // namespace

template <class T> struct fileheap::holds_addresses<declared<T>> : std::true_type {};
template <> struct fileheap::holds_addresses<refers> : std::true_type {};
template <> struct fileheap::trusted<judged_by_hand> : std::true_type {};

namespace {

template <class... All> constexpr bool are(fault one) { return ((fault_of<All> == one) && ...); }

static_assert(are<int, char[7], double *, const long, void *, int odd::*, in_scope, odd>(
    fault::none));
static_assert(are<text, const texts, texts[3], std::deque<text, in_file<text>>,
                  std::map<int, text, std::less<>, in_file<std::pair<const int, text>>>,
                  std::basic_string<char, std::char_traits<char>, scoped>>(fault::none));
static_assert(are<std::pair<text, int>, std::tuple<>, std::tuple<text, long *>,
                  std::array<text, 2>, std::optional<text>, std::variant<int, text>,
                  std::stack<int, std::vector<int, in_file<int>>>>(fault::none));
static_assert(are<std::unique_ptr<long, in_heap>, declared<int>, judged_by_hand,
                  std::pair<int, judged_by_hand>, fileheap::offset_ptr<std::string>>(fault::none));
static_assert(are<good_members, recursive, fixed, with_taker, refers>(fault::none));

static_assert(are<std::string, const std::string, std::vector<int>, std::vector<text>,
                  std::set<int>, std::map<int, int>, std::deque<int>, std::list<int>,
                  std::stack<int>, std::priority_queue<int>, std::vector<bool>,
                  std::vector<int, elsewhere<int>>>(fault::memory));
#ifdef __cpp_lib_memory_resource
static_assert(fault_of<std::pmr::string> == fault::memory);
#endif
static_assert(are<std::string[3], std::pair<int, std::string>, std::tuple<int, std::string>,
                  std::array<std::string, 2>, std::optional<std::string>,
                  std::variant<int, std::string>, std::pair<int, std::optional<std::string>>>(
    fault::memory));
static_assert(are<std::unique_ptr<int>, std::unique_ptr<int[]>, std::unique_ptr<long, by_address>,
                  std::shared_ptr<int>, std::weak_ptr<int>>(fault::memory));
static_assert(are<name_first, name_last, name_inside, name_in_base, std::pair<int, name_last>>(
    fault::memory));
static_assert(are<int &, views, std::string_view, std::reference_wrapper<int>,
                  std::pair<int, int &>, std::initializer_list<int>>(fault::address));
static_assert(are<void (*)(), int (odd::*)(), std::function<void()>, std::any, callback, virtually,
                  std::ostringstream, std::pair<int, virtually>>(fault::code));

// Whether a heap is bound to its address by a T, into which something is put.
template <class T, class Put> bool binds(const fileheap::heap &heap, Put put) {
    auto txn = heap.begin();
    put(*heap.construct<T>("bound")());
    return fheap_lookup(heap.handle(), "fileheap.addresses", nullptr) == FHEAP_OK;
}

template <class K, class V>
using hashed = std::unordered_map<K, V, std::hash<K>, std::equal_to<>,
                                  in_file<std::pair<const K, V>>>;
template <class K, class V>
using ordered = std::map<K, V, std::less<>, in_file<std::pair<const K, V>>>;
template <class T>
using distinct = std::unordered_set<T, std::hash<T>, std::equal_to<>, in_file<T>>;

// A plain pointer binds it, wherever the element keeps it and whatever the node does.
void pointers(const fileheap::heap &heap) {
    static long here[50];
    const auto back = [](auto &all) { all.emplace_back(); };
    const auto front = [](auto &all) { all.emplace_front(); };
    const auto inserts = [](auto &all) {
        for (long i = 0; i < 50; ++i) all.insert(here + i);
        EXPECT(all.size() == 50 && all.count(here + 17) == 1 && all.erase(here + 0) == 1);
    };
    const auto maps = [](auto &all) {
        for (int i = 0; i < 50; ++i) all[i] = {here + i};
        EXPECT(all.size() == 50 && all.count(17) == 1 && all.erase(0) == 1);
    };
    const auto nothing = [](auto &) {};
    using pair = std::pair<int, long *>;
    EXPECT((binds<std::vector<long *, in_file<long *>>>(heap, back)));
    EXPECT((binds<std::vector<pair, in_file<pair>>>(heap, back)));
    EXPECT((binds<std::list<long *, in_file<long *>>>(heap, back)));
    EXPECT((binds<std::list<pair, in_file<pair>>>(heap, back)));
    EXPECT((binds<std::list<refers, in_file<refers>>>(heap, back)));
    EXPECT((binds<std::forward_list<pair, in_file<pair>>>(heap, front)));
    EXPECT((binds<std::set<long *, std::less<>, in_file<long *>>>(heap, inserts)));
    EXPECT((binds<distinct<long *>>(heap, inserts)));
    EXPECT((binds<ordered<int, long *>>(heap, maps) && binds<ordered<int, refers>>(heap, maps)));
    EXPECT((binds<hashed<int, long *>>(heap, maps) && binds<hashed<int, refers>>(heap, maps)));
    EXPECT((binds<pair>(heap, nothing)));
    EXPECT((binds<std::array<std::optional<refers>, 2>>(heap, nothing)));
    using number = std::pair<int, long>;
    using offset = fileheap::offset_ptr<long>;
    EXPECT((!binds<std::vector<number, in_file<number>>>(heap, back)));
    EXPECT((!binds<std::vector<offset, in_file<offset>>>(heap, back)));
    EXPECT((!binds<std::pair<int, offset>>(heap, nothing) && !binds<long>(heap, nothing)));
#ifdef _LIBCPP_VERSION
    EXPECT((!binds<std::list<number, in_file<number>>>(heap, back)));
    EXPECT((!binds<ordered<int, number>>(heap, [](auto &all) { all[7].second = 7; })));
    EXPECT((binds<std::list<char, in_file<char>>>(heap, back)));
#endif
}

// What the deleter of a unique_ptr finds by itself.
void owned(const fileheap::heap &heap) {
    using owner = std::unique_ptr<long, in_heap>;
    using owners = std::vector<owner, in_file<owner>>;
    auto txn = heap.begin();
    auto *kept = heap.construct<owners>("owners")();
    for (long i = 0; i < 100; ++i) {
        kept->emplace_back(static_cast<long *>(heap.allocate(sizeof(long))));
        *kept->back() = i;
    }
    EXPECT(*(*kept)[99] == 99 && heap.destroy<owners>("owners"));
    txn.commit();
    const auto report = heap.check_all();
    EXPECT(report.finding_count == 0 && report.live_count == report.catalog_count);
}

} // namespace

int main(int count, char **arguments) {
    EXPECT(count == 2);
    fileheap::heap heap(std::string(arguments[1]) + "/stored.heap", small_heap());
    pointers(heap);
    owned(heap);
    return 0;
}
