"""What signal handlers reach: firings, posts, the queue."""

DETAIL = "include/loopbridge/detail/"

MUTATIONS = [
    ("a stop forgets firings that no run has counted",
     "src/loop/stop.cpp",
     "  firings_.end_all(*this);\n  deferreds_.end_all();", "  deferreds_.end_all();", ["stepping_firing", "weak_memory"]),
    ("a stop elsewhere leaves such firings to a loop that may never turn again",
     "src/loop/stop.cpp",
     "  firings_.end_all(*this);\n  deferreds_.fail_all();", "  deferreds_.fail_all();", ["stepping_firing"]),
    ("a firing that is refused, and whose wait was given up, is forgotten",
     "src/handlers/reentrant.cpp",
     "    if (result == status::bridge_stopped) state_of_call.report_as_stopped();\n", "",
     ["reentrant_call_wait"]),
    ("a handler's post forgets where it was made",
     DETAIL + "handlers/reentrant_post.hpp",
     "    where_ = where;\n", "", ["place_of_failures"]),
    ("a putter says that it has woken the getters before it does",
     "src/handlers/reentrant_queue.cpp",
     "    futex_wake_all(word_);\n    word += 2;\n"
     "    word_.compare_exchange_strong(word, word + 1);  // unless somebody is about to sleep again\n",
     "    word += 2;\n    word_.compare_exchange_strong(word, word + 1);\n    futex_wake_all(word_);\n",
     ["stepping_queue"]),
    ("a getter does not look at the queue again before it sleeps",
     "src/handlers/reentrant_queue.cpp",
     "    const std::uint32_t armed = arm();\n"
     "    if (queue_node* const n = look(); n != nullptr) return n;\n",
     "    const std::uint32_t armed = arm();\n", ["stepping_queue"]),
    ("a handler may interrupt a getter that holds the getters' lock",
     "src/handlers/reentrant_queue.cpp",
     "queue_node* queue_base::pop() noexcept {\n  const platform::signals_blocked while_locked;\n",
     "queue_node* queue_base::pop() noexcept {\n", ["stepping_queue"]),
    ("an item whose move throws is lost",
     "include/loopbridge/handlers/reentrant_queue.hpp",
     "queue_.put_back(*std::exchange(item_, nullptr));",
     "queue_.destroy(*std::exchange(item_, nullptr));", ["reentrant_queue"]),
]
