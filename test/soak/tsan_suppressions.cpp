#if defined(__SANITIZE_THREAD__)

// libuv closes descriptors by system calls that ThreadSanitizer does not see. So it takes the next
// descriptor with the same number for the old one, and its making, on another thread, for a race.
// These functions only make descriptors: nothing else is hidden.
extern "C" const char* __tsan_default_suppressions() {
  return "race:__interceptor_pipe\n"
         "race:__interceptor_eventfd\n"
         "race:__interceptor_epoll_create1\n";
}

#endif
