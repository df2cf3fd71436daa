#!/usr/bin/env python3
"""Every function that the library calls is made to fail by a test, or is excused here, with a reason.

Usage: calls_that_can_fail.py LIBRARY NM. A new call in the sources makes this fail until it has its row.
"""
import pathlib
import re
import subprocess
import sys

# Failed in turn by test/faults/system_calls_test.cpp, under these names.
FAILED = {
    'pipe2': 'pipe2', 'eventfd': 'eventfd', 'mmap': 'mmap', 'mmap64': 'mmap', 'madvise': 'madvise',
    'read': 'read', 'syscall': 'ring', '__register_atfork': '__register_atfork',
    'pthread_atfork': '__register_atfork', 'pthread_sigmask': 'pthread_sigmask',
    'pthread_setname_np': 'pthread_setname_np', 'pthread_key_create': 'pthread_key_create',
    'pthread_setspecific': 'pthread_setspecific', 'uv_loop_init': 'uv_loop_init',
    'uv_loop_close': 'uv_loop_close', 'uv_poll_init': 'uv_poll_init',
    'uv_poll_start': 'uv_poll_start', 'uv_async_init': 'uv_async_init',
    'epoll_ctl': 'epoll_ctl_mod',
    'pthread_create': 'pthread_create',
}

# Failed in turn by test/faults/allocation_test.cpp.
ALLOCATES = r'_Zn[wa].*'

# Not to be called at all.
NEVER = {
    '__cxa_thread_atexit.*': 'a thread_local with a destructor: registering it waits for the dynamic '
                             'linker\'s lock, see src/sync/thread_end.hpp',
    'dl(m?open|close|v?sym|addr1?)': 'the same lock',
    'pipe|epoll_create|accept|dup|dup2|socket(pair)?': 'not close-on-exec from the first',
}

EXCUSED = {
    # Do not fail by their documentation.
    'uv_(prepare|check|idle)_(init|start|stop)': 'cannot fail when given a callback',
    'uv_timer_(init|stop)|uv_update_time': 'cannot fail',
    'uv_(close|stop|unref|walk|is_closing|is_active|poll_stop)': 'cannot fail',
    'uv_(err_name|strerror|handle_type_name|translate_sys_error)': 'text and numbers',
    'uv_backend_(fd|timeout)|uv_loop_alive|uv_now|uv_timer_get_(due_in|repeat)': 'a number',
    'uv_timer_start': 'restarts a timer that has its callback; timer_test has it refuse a closed handle',
    'dup3': 'fd_watcher_test has it refuse what is not open',
    'fstat|fstat64': 'what is not open is no socket: fd_watcher_closed_test',
    'poll': 'a look at what is ready; without it the next turn looks',
    'sched_getcpu': 'advice, and unknown is an answer',
    'uv_run': 'runs; its result is of no interest',
    'uv_available_parallelism': 'a number, at least 1',
    'uv_async_send': 'rings or aborts; its write is failed as "write"',
    'pthread_self|pthread_setcancelstate|sched_yield|sig(empty|fill)set|sig(add|del)set|sigismember': 'cannot fail',
    'pthread_mutex_(lock|unlock)|pthread_once|pthread_cond_.*': 'fail on misuse only',
    'sysconf|getpid': 'always known',
    'pthread_key_delete': 'fails for what is no key',
    'pthread_attr_setstacksize': 'own_thread_test has it refuse a size',
    'sigaction': 'asks for what is there, and fails on misuse only',
    'pthread_attr_(init|destroy|getstacksize)|pthread_(join|detach|equal)': 'fail on misuse only',
    # Nothing could be done about it, and nothing depends on it.
    'close|munmap': 'ends what is ours; after EINTR Linux has closed it',
    'snprintf|__snprintf_chk': 'into room of its own; what is longer is cut',
    'fprintf|__fprintf_chk|fputs|fwrite|stderr': 'a message to stderr, which may be lost',
    'write': 'the same; and a log file: log_file_test writes to a disk that is full',
    'open|open64': 'a log file: log_file_test opens one where there is no directory; and numbers to keep '
                   'from libuv, which does without',
    'fcntl|fcntl64': 'a descriptor of another number: standard_streams_test and descriptors_test have none left',
    'strerrordesc_np': 'null for what is no error, and log_text_test asks for that',
    'abort': 'does not return',
    # libc and the C++ runtime, which are not given a chance to fail.
    'mem(cpy|move|set|cmp|chr)|bcmp|free|str(len|cmp)|__errno_location|__libc_single_threaded': 'plain memory',
    '__stack_chk_fail|__mem(cpy|move|set)_chk|_GLOBAL_OFFSET_TABLE_': 'hardening',
    '__tls_get_addr': 'room for a thread_local; glibc ends the process without it',
    '__cxa_.*|_Unwind_.*|__gxx_personality_v0|_ITM_.*|__gmon_start__': 'the C++ runtime',
    '_Zd[la].*': 'operator delete',
    '_ZT[ISV].*|_ZNS.*|_ZNKS.*|_ZS.*|_ZGV.*': 'the C++ library: no system calls but those above',
}


def main():
    library, nm = sys.argv[1:]
    listed = subprocess.run([nm, '--undefined-only', '--dynamic', library], check=True,
                            capture_output=True, text=True).stdout
    wanted = {re.split('@', line.split()[-1])[0] for line in listed.splitlines() if line.strip()}
    test = (pathlib.Path(__file__).parents[2] / 'faults' / 'system_calls_test.cpp').read_text()
    wrong = []
    for symbol in sorted(wanted):
        if never := next((n for n in NEVER if re.fullmatch(n, symbol)), None):
            wrong.append(f'{symbol}: {NEVER[never]}')
        elif symbol in FAILED:
            if f'"{FAILED[symbol]}"' not in test:
                wrong.append(f'{symbol}: said to be failed as "{FAILED[symbol]}", and is not')
        elif not any(re.fullmatch(pattern, symbol) for pattern in [ALLOCATES, *EXCUSED]):
            wrong.append(f'{symbol}: neither failed by a test nor excused')
    if not wanted:
        wrong.append('no undefined symbols: is this a shared library?')
    print('\n'.join(wrong) or f'{len(wanted)} functions and objects, all accounted for')
    return 1 if wrong else 0


sys.exit(main())
