#pragma once

// In each executable that is tested, once: by its main().
#if defined(__SANITIZE_THREAD__)

// libuv closes descriptors by system calls that ThreadSanitizer does not see. So it takes the next
// descriptor with the same number for the old one, and its making, on another thread, for a race.
// These functions only make descriptors, or end those of directories, whose making it does not see:
// nothing else is hidden.
//
// Nor does it see how libstdc++ counts the owners of an exception: the last one frees what another
// has read before. (What is read of it after that, AddressSanitizer sees.)
extern "C" const char* __tsan_default_suppressions() {
  return "race:__interceptor_pipe\n"
         "race:__interceptor_eventfd\n"
         "race:__interceptor_epoll_create1\n"
         "race:closedir\n"
         "race:std::__exception_ptr::exception_ptr::_M_release\n"
         "race:std::destroy_at<std::__exception_ptr::exception_ptr>\n";
}

#endif
