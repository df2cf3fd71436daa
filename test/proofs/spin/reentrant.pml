/* One reentrant_call: firings that share a node and are counted, firings that wait in a slot, on
 * threads and in handlers on them; the loop that runs them; the stop; the end of the call.
 *
 * That an accepted node is delivered exactly once and in order is what wakeup.pml shows; here the
 * list is a channel. Each inline says which function of the source it stands for.
 *
 * Configurations:
 *   THREADS    1 or 2, the first with a handler that may interrupt it; each fires once, and may
 *              wait for it
 *   STOP       the bridge may stop
 *   KEPT       the call is never destroyed */

#ifndef THREADS
#define THREADS 1
#endif
#define SHARED 1 /* the node that firings share */
#define WAITS 2  /* the slot for one that waits: one here, so that it is fought for */

chan list = [2] of { byte };
bool closed;
byte fired;       /* reentrant_state::word_: the count ... */
bool queued;      /* ... its mark for the shared node ... */
bool over;        /* ... and the one for the bridge's end */
bool enrolled = true; /* reentrant_state::enrolled, under the core's mutex */
byte refs = 1;    /* reentrant_state::refs_ */
bool used;        /* reentrant_state::waits_in_use_ */
byte answered_to; /* wait_slot::result: whom it answers */
byte depth[3];

/* The account, which the source does not have. */
byte accepted, ran, reported;
bool in_flight; /* the loop has yet to let go of the slot */
byte waiter;    /* the firer that has the slot */
byte firing = THREADS + 1; /* the firer that is yet to fire */

#define touch() assert(used)
#define outcome_is_complete() assert(answered_to == waiter)
#define touch_call() assert(refs > 0)

#include "completion_word.pml"

/* loop_core::submit */
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

/* reentrant_state::fire. What it returns is counted with `accepted`, in the step that decides; a
 * firing that takes the node cannot be refused any more either. */
inline fire()
{
  if
  :: closed
  :: else ->
     atomic {
       touch_call();
       if
       :: over -> w = 2
       :: else -> fired++; w = queued; queued = true; accepted = accepted + w
       fi
     };
     if
     :: w == 2 /* refused */
     :: w == 1 /* counted in the run that is still to come, or by the bridge's end */
     :: w == 0 ->
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
     fi;
     w = 0
  fi
}

/* slot_bits::release */
inline release_slot()
{
  atomic { assert(used && !in_flight); used = false; waiter = 0 }
}

/* reentrant_state::fire_and_wait, by firer `me`, which waits as waiter `u` of the word */
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
        :: ok -> assert(answered_to == me); release_slot()
        :: else
        fi
     :: else -> release_slot(); refs--
     fi
  :: atomic { !closed && used } /* exhausted */
  fi
#endif
}

/* the model's own */
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
    :: refs == 0 ->
       enrolled = false;
       assert(fired == 0 || closed);
       reported = reported + fired;
       fired = 0
    :: else
    fi
  }
}

#ifndef KEPT
/* Destroys the reentrant_call, when nobody fires it any more. */
active proctype owner()
{
  firing == 0;
  release_ref()
}
#endif

/* reentrant_state::run_callable, with what the step before it took off the word */
inline run_callable(extra)
{
  ran = ran + fired + extra;
  fired = 0
}

/* reentrant_state::run */
inline run_shared()
{
#ifdef TAKES_BEFORE_UNQUEUEING
  atomic { touch_call(); run_callable(0) };
  queued = false;
#else
  atomic { touch_call(); queued = false; run_callable(0) };
#endif
  release_ref()
}

/* reentrant_state::refuse: what is counted stays, for the end */
inline refuse_shared()
{
  release_ref()
}

/* core::end_firings: the list is closed, and all that was in it has ended */
inline end_firings()
{
  atomic {
    if
#ifndef FORGOTTEN_AT_THE_END
    :: enrolled ->
       touch_call();
       enrolled = false;
#ifndef ENDED_WITHOUT_A_MARK
       over = true;
#endif
       reported = reported + fired;
       fired = 0
#endif
    :: else
    fi
  }
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

/* completion::publish, and the account */
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
     :: atomic { touch_call(); run_callable(1) }
     :: closed -> reported++
     fi;
     finish()
  :: closed && empty(list) -> end_firings(); break
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
#ifdef KEPT
  assert(refs == 1 && !used);
#else
  assert(refs == 0 && !used);
#endif
  assert(accepted == ran + reported)
}
