"""What tools/mutate breaks, a file for each subject. An entry says what it is called, where it
stands, the text and what it becomes, and the tests that are tried, in this order."""

from . import (
    sync,
    faults,
    forks,
    waits,
    loop,
    calls,
    handlers,
    on_the_loop,
    senders,
    tasks,
    beside,
    clients,
    redis,
    http_and_nats,
)

SUBJECTS = (sync, faults, forks, waits, loop, calls, handlers, on_the_loop, senders, tasks, beside,
            clients, redis, http_and_nats)

MUTATIONS = [entry for subject in SUBJECTS for entry in subject.MUTATIONS]
