// Containers of containers copied and moved between two heaps: nothing is left in the wrong one.

#include <algorithm>
#include <list>
#include <map>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "expect.hpp"

#if defined(__cpp_lib_span)
#include <span>
#endif

namespace {

template <class T> using in_file = fileheap::allocator<T>;
using text = std::basic_string<char, std::char_traits<char>, in_file<char>>;
using texts = std::vector<text, in_file<text>>;
using table = std::map<text, texts, std::less<>, in_file<std::pair<const text, texts>>>;
using tables = std::map<int, table, std::less<>, in_file<std::pair<const int, table>>>;
using hashed = std::unordered_map<int, texts, std::hash<int>, std::equal_to<int>,
                                  in_file<std::pair<const int, texts>>>;
using pairs = std::list<std::pair<text, int>, in_file<std::pair<text, int>>>;

constexpr const char *word = "a text that is too long to stand in the string itself";

// Containers in a struct that says nothing of allocators.
struct record {
    text name;
    texts lines;
};
using records = std::vector<record, in_file<record>>;

bool lies_in(const fileheap::heap &heap, const text &one) {
    return one == word && heap.offset_of(&one) != 0 && heap.offset_of(one.data()) != 0;
}
bool lies_in(const fileheap::heap &heap, const texts &all) {
    EXPECT(!all.empty() && heap.offset_of(all.data()) != 0);
    for (const auto &one : all) EXPECT(lies_in(heap, one));
    return true;
}
bool lies_in(const fileheap::heap &heap, const tables &all) {
    EXPECT(all.size() == 3);
    for (const auto &[number, inner] : all) {
        EXPECT(heap.offset_of(&number) != 0 && inner.size() == 1);
        for (const auto &[key, lines] : inner) EXPECT(lies_in(heap, key) && lies_in(heap, lines));
    }
    return true;
}

void fill(tables &all) {
    for (int number = 0; number < 3; ++number) {
        table &inner = all[number];
        inner.emplace(word, texts());
        inner.begin()->second.emplace_back(word);
        inner.begin()->second.emplace_back(inner.begin()->second.front());
    }
}

void copied(const fileheap::heap &one, const fileheap::heap &other) {
    auto *here = one.construct<tables>("tables")();
    fill(*here);
    EXPECT(lies_in(one, *here));
    auto *there = other.construct<tables>("tables")(*here);
    EXPECT(lies_in(other, *there) && *there == *here);
    *there = *here;
    EXPECT(lies_in(other, *there));
    there->clear();
    there->insert(here->begin(), here->end());
    EXPECT(lies_in(other, *there));
    (*there)[1] = here->at(2);
    there->at(2).begin()->second = here->at(1).begin()->second;
    EXPECT(lies_in(other, *there));

    auto *record_here = one.construct<record>("record")();
    record_here->name = word;
    record_here->lines.emplace_back(word);
    auto *records_there = other.construct<records>("records")();
    records_there->push_back(*record_here);
    records_there->reserve(100); // and moved within the heap
    EXPECT(lies_in(other, records_there->front().name));
    EXPECT(lies_in(other, records_there->front().lines));
    record_here->lines = records_there->front().lines;
    EXPECT(lies_in(one, record_here->lines));
}

void moved(const fileheap::heap &one, const fileheap::heap &other) {
    auto *here = one.find<tables>("tables").first;
    auto *there = other.find<tables>("tables").first;
    *there = std::move(*here);
    EXPECT(lies_in(other, *there));
    here->clear();
    fill(*here);
    EXPECT(lies_in(other, *other.construct<tables>("moved")(std::move(*here))));

    const text told(word, one.get_allocator<char>());
    auto *lines_here = one.construct<texts>("lines")(std::size_t(4), told);
    auto *lines_there = other.construct<texts>("lines")();
    lines_there->push_back(std::move(lines_here->back()));
    lines_there->insert(lines_there->begin(), std::move(lines_here->front()));
    EXPECT(lies_in(other, *lines_there));
    lines_here->assign(2, told);
    *lines_there = std::move(*lines_here);
    EXPECT(lies_in(other, *lines_there));
}

// Every way in which the halves of a pair are constructed.
void halves(const fileheap::heap &one, const fileheap::heap &other) {
    const text key(word, one.get_allocator<char>());
    auto *all = other.construct<pairs>("pairs")();
    all->emplace_back();
    all->emplace_back(key, 1);
    all->emplace_back(std::piecewise_construct, std::forward_as_tuple(word),
                      std::forward_as_tuple(2));
    const std::pair<text, int> whole(key, 3);
    all->push_back(whole);
    all->emplace_back(std::pair<const char *, short>(word, short(4)));
    auto *here = one.construct<pairs>("pairs")(*all);
    all->splice(all->end(), pairs(*here, all->get_allocator()));
    EXPECT(all->size() == 10 && all->front().first.empty());
    all->remove_if([](const auto &each) { return each.first.empty(); });
    int sum = 0;
    for (const auto &[name, number] : *all) {
        EXPECT(lies_in(other, name));
        sum += number;
    }
    EXPECT(sum == 20);
    auto *by_number = other.construct<hashed>("hashed")();
    (*by_number)[7].emplace_back(key);
    by_number->try_emplace(8, std::size_t(3), key);
    by_number->insert({9, texts(2, key, one.get_allocator<text>())});
    for (const auto &each : *by_number) EXPECT(lies_in(other, each.second));
}

// What is on the stack stays with the heap that it was told.
void on_the_stack(const fileheap::heap &one) {
    auto *lines = one.find<record>("record").first;
    const texts copy = lines->lines;
    EXPECT(copy.size() == 1 && one.offset_of(copy.data()) != 0 && copy == lines->lines);
    texts sorted(one.get_allocator<text>());
    for (int i = 0; i < 200; ++i) {
        sorted.emplace_back((std::string(40, 'x') + std::to_string(i * 7919 % 200)).c_str());
    }
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    EXPECT(sorted.size() == 200 && std::is_sorted(sorted.begin(), sorted.end()));
    THROWS(FHEAP_BAD_POINTER, texts().emplace_back(word));
#if defined(__cpp_lib_span) && defined(__cpp_lib_concepts)
    static_assert(std::contiguous_iterator<fileheap::offset_ptr<int>>);
    const std::span<text> view(sorted.data(), sorted.size());
    EXPECT(view.front() == sorted.front());
#endif
}

} // namespace

int main(int count, char **arguments) {
    EXPECT(count == 2);
    const std::string folder = arguments[1];
    {
        fileheap::heap one(folder + "/one.heap", small_heap());
        fileheap::heap other(folder + "/other.heap", small_heap());
        auto writing = one.begin(), writing_too = other.begin();
        copied(one, other);
        moved(one, other);
        halves(one, other);
        on_the_stack(one);
        writing_too.commit();
        for (const char *name : {"tables", "lines", "record", "pairs"}) {
            EXPECT(fheap_lookup(one.handle(), name, nullptr) == FHEAP_OK);
        }
        EXPECT(one.destroy<tables>("tables") && one.destroy<texts>("lines"));
        EXPECT(one.destroy<record>("record") && one.destroy<pairs>("pairs"));
        writing.commit();
        const auto report = one.check_all();
        EXPECT(report.finding_count == 0);
        // No copy lost anything here, whichever heap it went to.
        EXPECT(report.live_count == report.catalog_count);
    }
    // All of it is there without the first heap.
    auto other = fileheap::heap::open(folder + "/other.heap", small_heap());
    EXPECT(lies_in(other, *other.find<tables>("moved").first));
    EXPECT(lies_in(other, *other.find<texts>("lines").first));
    EXPECT(lies_in(other, other.find<records>("records").first->front().lines));
    EXPECT(other.check_all().finding_count == 0);
    return 0;
}
