#include <doctest/doctest.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <loopbridge/detail/call/blocks.hpp>
#include <new>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "support/memory.hpp"
#include "support/patience.hpp"
#include "support/sanitizers.hpp"

TEST_SUITE_BEGIN("blocks");

namespace {

using loopbridge::detail::allocate_block;
using loopbridge::detail::destroy_in_block;
using loopbridge::detail::make_in_block;
using loopbridge::detail::release_block;

/// Under AddressSanitizer no block is, so that late uses are seen.
constexpr bool recycled = !support::has_asan;

std::atomic<long> entered_malloc{0};
std::atomic<int> slabs_made{0};
std::atomic<int> slabs_freed{0};
/// Run where the next slab is made, as a collector's finalizer would be.
void (*finalizer)() = nullptr;

std::vector<void*> allocate(int count, std::size_t size) {
  std::vector<void*> blocks;
  blocks.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) blocks.push_back(allocate_block(size, nullptr));
  return blocks;
}
void release(const std::vector<void*>& blocks, std::size_t size) {
  for (void* const b : blocks) release_block(b, size, nullptr);
}

struct throws_when_made {
  throws_when_made() { throw 5; }
  char bytes[100];
};

}  // namespace

// The library's allocations come here as well, which is how the tests count them. Not inlined: gcc
// would see free() take what new returned.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++entered_malloc;
  if (void* const p = std::malloc(size != 0 ? size : 1)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  ++entered_malloc;
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  ++entered_malloc;
  std::free(p);
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  ++entered_malloc;
  ++slabs_made;
  if (void (*const run)() = std::exchange(finalizer, nullptr)) run();
  const auto unit = static_cast<std::size_t>(alignment);  // of which aligned_alloc wants a multiple
  if (void* const p = std::aligned_alloc(unit, (size + unit - 1) / unit * unit)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept {
  ++entered_malloc;
  ++slabs_freed;
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  ++entered_malloc;
  std::free(p);
}

TEST_CASE("blocks of every size are aligned, apart from each other, and all the caller's") {
  for (const std::size_t size :
       {1, 48, 49, 64, 65, 127, 128, 129, 4096, 4097, 8192, 8193, 100000}) {
    CAPTURE(size);
    std::vector<void*> blocks = allocate(20, size);
    for (void* const b : blocks) {
      CHECK(reinterpret_cast<std::uintptr_t>(b) % alignof(std::max_align_t) == 0);
      std::memset(b, 0x5a, size);
    }
    CHECK(std::set<void*>(blocks.begin(), blocks.end()).size() == blocks.size());
    release(blocks, size);
    std::vector<void*> again = allocate(40, size);
    CHECK(std::set<void*>(again.begin(), again.end()).size() == again.size());
    for (void* const b : again) std::memset(b, 0xa5, size);
    release(again, size);
  }
}

TEST_CASE("a thread gets its own blocks back, without malloc" * doctest::skip(!recycled)) {
  const std::vector<void*> warm = allocate(10, 200);
  release(warm, 200);
  const long before = entered_malloc;
  for (int i = 0; i < 10'000; ++i) {
    void* const b = allocate_block(200, nullptr);
    release_block(b, 200, nullptr);
  }
  CHECK(entered_malloc == before);
}

TEST_CASE("blocks that another thread releases come round, and that thread never enters malloc" *
          doctest::skip(!recycled)) {
  constexpr int count = 1500;  // fewer than a thread may keep
  constexpr std::size_t size = 300;
  const std::vector<void*> first = allocate(count, size);
  long by_releaser = -1;
  std::thread([&]() noexcept {
    loopbridge::detail::prepare_blocks_of_this_thread();
    const long before = entered_malloc;
    release(first, size);
    by_releaser = entered_malloc - before;
  }).join();
  CHECK(by_releaser == 0);
  std::vector<void*> blocks;
  blocks.reserve(count);
  const long before = entered_malloc;
  // Not all: those that share a slab with blocks never handed out stay there for now.
  for (int i = 0; i < count - 300; ++i) blocks.push_back(allocate_block(size, nullptr));
  CHECK(entered_malloc == before);
  const std::set<void*> known(first.begin(), first.end());
  CHECK(std::count_if(blocks.begin(), blocks.end(), [&](void* b) { return known.contains(b); }) >
        1000);
  release(blocks, size);
}

TEST_CASE("the memory of a burst is given back" * doctest::skip(!recycled)) {
  const long at_first = entered_malloc;
  ::operator delete(::operator new(1));
  if (entered_malloc == at_first) {
    MESSAGE("malloc is not counted here: under Valgrind, say");
    return;
  }
  constexpr std::size_t size = 4096;
  constexpr int count = 2000;  // 8 MB
  const std::vector<void*> burst = allocate(count, size);
  std::thread([&]() noexcept { release(burst, size); }).join();
  const long before = entered_malloc;
  constexpr long slabs = count * size / 65536;
  // What lies unused for a while is freed by the thread that allocates, as it goes on. Two at a
  // time, so that each round goes to where the blocks of other threads arrive.
  CHECK(support::comes_true([&] {
    void* const one = allocate_block(size, nullptr);
    void* const two = allocate_block(size, nullptr);
    release_block(one, size, nullptr);
    release_block(two, size, nullptr);
    return entered_malloc - before > slabs / 2;
  }));
}

TEST_CASE("threads that come and go in pairs do not make slabs without end" *
          doctest::skip(!recycled)) {
  constexpr std::size_t size = 1000;
  const auto use_a_block = [](auto&& meanwhile) {
    void* const block = allocate_block(size, nullptr);
    meanwhile();
    release_block(block, size, nullptr);
  };
  const int before = slabs_made - slabs_freed;
  for (int pair = 0; pair < 100; ++pair) {
    // The first thread takes every slab that there is, so the second must make one.
    std::thread([&]() noexcept {
      use_a_block([&] { std::thread([&]() noexcept { use_a_block([] {}); }).join(); });
    }).join();
  }
  CHECK(slabs_made - slabs_freed - before < 40);  // each thread may keep 16
}

TEST_CASE("blocks may be released while a thread's own objects are destroyed") {
  struct late {
    void* block = nullptr;
    ~late() {
      release_block(block, 64, nullptr);
      release_block(allocate_block(64, nullptr), 64, nullptr);
    }
  };
  for (int i = 0; i < 3; ++i) {
    std::thread([]() noexcept {
      static thread_local late l;  // made first, so destroyed last: after the thread's shelves
      l.block = allocate_block(64, nullptr);
    }).join();
  }
  void* const b = allocate_block(64, nullptr);
  CHECK(b != nullptr);
  release_block(b, 64, nullptr);
}

TEST_CASE(
    "threads that come here in a pthread key's destructor, too late for others, leak no slab" *
    doctest::skip(!recycled)) {
  pthread_key_t key;
  REQUIRE(pthread_key_create(&key, [](void*) {
            release_block(allocate_block(3000, nullptr), 3000, nullptr);
          }) == 0);
  const int before = slabs_made;
  for (int i = 0; i < 100; ++i) {
    std::thread([&]() noexcept { pthread_setspecific(key, &key); }).join();
  }
  CHECK(slabs_made <= before + 1);
  pthread_key_delete(key);
}

TEST_CASE("a finalizer that allocates a block inside the allocation of one loses no memory" *
          doctest::skip(!recycled)) {
  constexpr std::size_t size = 7000;  // seven to a slab
  static void* nested = nullptr;
  finalizer = [] { nested = allocate_block(size, nullptr); };
  std::vector<void*> blocks;
  for (int i = 0; finalizer != nullptr && i < 100; ++i) {
    blocks.push_back(allocate_block(size, nullptr));
  }
  const int made = slabs_made;
  REQUIRE(nested != nullptr);
  blocks.push_back(nested);
  for (int i = 0; i < 12; ++i) blocks.push_back(allocate_block(size, nullptr));
  CHECK(slabs_made == made);  // all fourteen of the last two slabs could be had
  CHECK(std::set<void*>(blocks.begin(), blocks.end()).size() == blocks.size());
  release(blocks, size);
}

TEST_CASE("a memory resource is used for every size, and gets back what it gave") {
  support::counting_memory memory;
  for (const std::size_t size : {1, 64, 8192, 8193}) {
    void* const block = allocate_block(size, &memory);
    CHECK(memory.bytes_in_use() == static_cast<long>(size));
    release_block(block, size, &memory);
    CHECK(memory.bytes_in_use() == 0);
  }
  CHECK(memory.allocations() == 4);
}

TEST_CASE("if the constructor throws, the block is released") {
  support::counting_memory memory;
  CHECK_THROWS_AS(make_in_block<throws_when_made>(&memory), int);
  CHECK(memory.allocations() == 1);
  CHECK(memory.bytes_in_use() == 0);
}

TEST_CASE("an object in a block is made of its arguments and destroyed") {
  support::counting_memory memory;
  auto* const made = make_in_block<std::vector<int>>(&memory, 3, 7);
  CHECK(*made == std::vector{7, 7, 7});
  destroy_in_block(made, &memory);
  CHECK(memory.bytes_in_use() == 0);
}

TEST_CASE("a memory resource that has none left throws its own exception") {
  support::counting_memory memory;
  memory.refuse();
  CHECK_THROWS_AS(allocate_block(64, &memory), std::bad_alloc);
}
