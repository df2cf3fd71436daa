/* Submitting, waking and stopping: the list, the inbox, the doorbell and the loop's turn, with
 * threads that submit and handlers that interrupt them.
 *
 * One step is one access to shared memory, one system call, or one callable run. Each inline
 * says which function of the source it stands for.
 *
 * A handler is a process of its own that stands on its thread: while it runs, the code that it
 * interrupted, which may be a handler too, cannot step (`provided`). It begins between any two
 * steps, or never.
 *
 * Configurations (test/proofs/spin/run has the table):
 *   THREADS          how many threads submit, 1 or 2: each posts, then calls
 *   CALL_ONLY        each only calls
 *   HANDLERS         which handlers there are: bit 0 on thread 1, bit 1 on thread 2, bit 2 a second
 *                    one, which may interrupt the first or thread 1, bit 3 on the loop's thread
 *   STOP             one more thread stops the bridge; handlers may, too
 *   ADOPTED          the loop is the application's: it may sleep where we do not see it, or end
 * The unsafe variants are macros too, each where it departs from the source. */

#ifndef THREADS
#define THREADS 1
#endif
#ifndef HANDLERS
#define HANDLERS 1
#endif

#define CLOSED 128 /* the bit in `head` */
#define NODES 8    /* 1, 2: thread 1's; 3, 4: thread 2's; 5 to 8: one for each handler */

byte head;        /* submission_list::head_: the youngest node, and CLOSED */
byte next[NODES + 1];
#ifdef ADOPTED
byte episode = 1; /* core::adopt: until the first turn it counts as asleep */
#else
byte episode; /* inbox::episode_ */
#endif
bool rung;        /* the doorbell's descriptor is readable */
byte in_turn;     /* core::in_turn_ */
bool sleeps_for_turn; /* the loop's thread does, on the address of in_turn_ */
bool turns_ended; /* core::turns_ended_ */
byte depth[4];    /* how many handlers stand on thread 1, 2, 3 (the loop's) */

/* What the source does not have: the account. A node is with its owner, or accepted and not yet
 * ended. Its place in the one order is fixed by its push, and ending keeps that order. */
bool accepted[NODES + 1];
byte place[NODES + 1];
byte pushed, ended;
bool loop_gone;
byte ringing; /* senders that hold an episode */

#include "wakeup_submit.pml"
#include "wakeup_loop.pml"

/* A thread: what it posts and what it calls; the model's own */
inline thread_body(posted, called)
{
#ifndef CALL_ONLY
  submit(posted, ok);
#endif
  submit(called, ok);
  if
  :: ok -> !accepted[called]
  :: else
  fi
}

active proctype thread1() provided (depth[1] == 0)
{
  byte h, e; bool ok;
  thread_body(1, 2)
}

#if THREADS > 1
active proctype thread2() provided (depth[2] == 0)
{
  byte h, e; bool ok;
  thread_body(3, 4)
}
#endif

/* What a handler does; on the loop's thread it must not wait; the model's own */
inline handler_body(thread, level, own, may_wait)
{
  do
  :: atomic { depth[thread] == level - 1 -> depth[thread] = level };
     if
     :: submit(own, ok);
        if
        :: ok && may_wait -> !accepted[own]
        :: true
        fi
#ifdef STOP
     :: stop_reentrant()
#endif
     fi;
     atomic { depth[thread] = level - 1; ok = false; break }
  :: break /* it never comes */
  od
}

#if HANDLERS & 1
active proctype handler1() provided (depth[1] <= 1)
{
  byte h, e; bool ok;
  handler_body(1, 1, 5, true)
}
#endif
#if HANDLERS & 2
active proctype handler2() provided (depth[2] <= 1)
{
  byte h, e; bool ok;
  handler_body(2, 1, 6, true)
}
#endif
#if HANDLERS & 4
active proctype second_handler1() provided (depth[1] <= 2)
{
  byte h, e; bool ok;
  handler_body(1, 2, 7, true)
}
#endif
#if HANDLERS & 8
active proctype loop_handler() provided (depth[3] <= 1)
{
  byte h, e; bool ok;
  handler_body(3, 1, 8, false)
}
#endif

#ifdef STOP
active proctype stopper()
{
  byte e;
  if
  :: stop()
#ifndef ADOPTED /* there, nobody else ends the waiters of a loop that has ended */
  :: true       /* it never stops */
#endif
  fi
}
#endif

/* When nothing can move any more, nothing accepted is left. That every process is at its end, or
 * the loop asleep, is what the search for deadlocks asks. */
active proctype quiescence()
{
  byte n;
end_of_all:
  timeout;
  d_step {
    for (n : 1 .. NODES) {
      assert(!accepted[n])
    }
  }
}
