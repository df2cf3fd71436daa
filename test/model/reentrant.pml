/* One reentrant_call: firings that share a node and are counted, firings that wait in a slot, on
 * threads and in handlers on them; the loop that runs them; the stop; the end of the call.
 *
 * That an accepted node is delivered exactly once and in order is what wakeup.pml shows; here the
 * list is a channel. docs/proof.md says which line of the source each inline stands for.
 *
 * Configurations:
 *   THREADS    1 or 2, the first with a handler that may interrupt it; each fires once, and may
 *              wait for it
 *   STOP       the bridge may stop */

#ifndef THREADS
#define THREADS 1
#endif
#define SHARED 1 /* the node that firings share */
#define WAITS 2  /* the slot for one that waits: one here, so that it is fought for */

chan list = [2] of { byte };
bool closed;
byte fired;       /* reentrant_state::fired_ */
bool queued;      /* reentrant_state::queued_ */
byte refs = 1;    /* reentrant_state::refs_ */
bool used;        /* reentrant_state::waits_in_use_ */
byte answered_to; /* wait_slot::result: whom it answers */
byte depth[3];

/* The account, which the source does not have. */
byte accepted, ran, reported;
bool in_flight; /* the loop has yet to let go of the slot */
byte waiter;    /* who has the slot */
byte firing = THREADS + 1; /* who is yet to fire */

#define touch() assert(used)
#define outcome_is_complete() assert(answered_to == waiter)
#define touch_call() assert(refs > 0)

#include "completion_word.pml"

inline submit_node(node, ok)
{
  atomic {
    touch_call();
    ok = !closed;
    if
    :: ok -> assert(nfull(list)); list!node
    :: else
    fi
  }
}

/* reentrant_state::fire. What it returns is counted with `accepted`, in the step that decides. */
inline fire()
{
  if
  :: closed
  :: else ->
     fired++;
     atomic { ok = queued; queued = true; accepted = accepted + ok };
     if
     :: ok /* counted in the run that is still to come */
     :: else ->
        refs++;
        submit_node(SHARED, ok);
        if
        :: ok -> accepted++
        :: else ->
#ifdef REFUSES_AFTER_COUNTING
           fired--;
           queued = false;
#else
           accepted++;
#endif
           refs--
        fi
     fi
  fi
}

inline release_slot()
{
  atomic { assert(used && !in_flight); used = false; waiter = 0 }
}

/* reentrant_state::fire_and_wait, by firer `me`, who waits as waiter `u` of the word */
inline fire_and_wait(me, u, limit)
{
#ifdef WAITS_ON_THE_SHARED_NODE
  fire();
  limit || ran + reported >= accepted
#else
  if
  :: closed
  :: atomic { !closed && !used -> used = true; waiter = me };
     word = QUEUED;
     answered_to = 0;
     refs++;
     atomic { submit_node(WAITS, ok); in_flight = ok; accepted = accepted + ok };
     if
     :: ok ->
        wait(u, limit, ok);
        assert(!ok || answered_to == me);
        release(HANDLE_GONE, LOOP_GONE, ok);
        if
        :: ok -> release_slot()
        :: else
        fi
     :: else -> release_slot(); refs--
     fi
  :: atomic { !closed && used } /* exhausted */
  fi
#endif
}

inline fire_somehow(me, u)
{
  if
  :: true -> fire()
  :: true -> fire_and_wait(me, u, false)
  :: true -> fire_and_wait(me, u, true)
  :: true
  fi;
  firing--
}

active proctype thread1() provided (depth[1] == 0)
{
  byte w; bool ok;
  fire_somehow(1, 0)
}
active proctype handler1() provided (depth[1] <= 1)
{
  byte w; bool ok;
  depth[1] = 1;
  fire_somehow(2, 1);
  depth[1] = 0
}
#if THREADS > 1
active proctype thread2() provided (depth[2] == 0)
{
  byte w; bool ok;
  fire_somehow(3, 0)
}
#endif

/* reentrant_state::release_ref and end */
inline release_ref()
{
  atomic {
    touch_call();
    refs--;
    if
    :: refs == 0 -> assert(fired == 0 || closed); reported = reported + fired; fired = 0
    :: else
    fi
  }
}

/* Destroys the reentrant_call, when nobody fires it any more. */
active proctype owner()
{
  firing == 0;
  release_ref()
}

/* reentrant_state::run_callable */
inline run_callable(extra)
{
  atomic { touch_call(); ran = ran + fired + extra; fired = 0 }
}

/* reentrant_state::run */
inline run_shared()
{
#ifdef TAKES_BEFORE_UNQUEUEING
  run_callable(0);
  queued = false;
#else
  atomic { touch_call(); queued = false };
  run_callable(0);
#endif
  release_ref()
}

/* reentrant_state::refuse */
inline refuse_shared()
{
  atomic { touch_call(); reported = reported + fired; fired = 0 };
  release_ref()
}

/* reentrant_state::wait_slot::finish */
inline finish()
{
  answered_to = waiter;
  atomic { publish_and_land() };
  if
  :: was & HANDLE_GONE -> release_slot()
  :: else
  fi;
  was = 0;
  release_ref()
}

inline publish_and_land()
{
  in_flight = false;
  publish(RUNNING, LOOP_GONE, was)
}

active proctype loop_thread()
{
  byte was; bool ok;
end_idle:
  do
  :: list?SHARED ->
     if
     :: run_shared()
     :: closed -> refuse_shared()
     fi
  :: list?WAITS ->
     try_start(ok);
     assert(ok);
     if
     :: run_callable(1)
     :: closed -> reported++
     fi;
     finish()
  :: closed && empty(list) -> break
  od
}

#ifdef STOP
active proctype stopper()
{
  closed = true
}
#endif

active proctype quiescence()
{
end_of_all:
  timeout;
  assert(refs == 0 && !used);
  assert(accepted == ran + reported)
}
