/* One call from its delivery to its end: the loop runs or refuses it, the handle's users wait, give
 * up and cancel, a completer resolves the deferred that it may have returned, the bridge stops.
 * Who completes, and who frees?
 *
 * That an accepted call is delivered exactly once is what wakeup.pml shows; here the loop begins
 * with it. Each inline says which function of the source it stands for.
 *
 * Configurations:
 *   USERS      1 or 2 threads that use the handle at once; the first one drops it at last
 *   ON_STACK   the call is bridge::call's: on the waiter's stack, whose frame ends with the wait
 *   STOP       the bridge may stop */

#ifndef USERS
#define USERS 1
#endif

/* The account, which the source does not have. */
bool freed;           /* the call's memory */
bool callable = true; /* not destroyed yet */
byte runs;
byte writers; /* threads that write the outcome */
bool outcome; /* it is there */
byte hooks;   /* runs of the cancel hook */
byte users = USERS;

#define touch() assert(!freed)
#define outcome_is_complete() assert(outcome && writers == 0 && !callable)

#include "completion_word.pml"
#include "completion_deferred.pml"

/* result::set_failure, or what else writes the outcome */
inline set_outcome()
{
  atomic { touch(); assert(phase(word) != DONE); writers++; assert(writers == 1) };
  atomic { touch(); assert(phase(word) != DONE); writers--; outcome = true }
}

/* call_with_result::discard_callable */
inline discard_callable()
{
  atomic { touch(); assert(callable); callable = false }
}

/* call_with_result::destroy: the call's destructor lets go of the deferred. */
inline destroy()
{
  atomic { touch(); assert(phase(word) == DONE); freed = true };
  if
  :: source -> source = false; release_deferred()
  :: else
  fi
}

/* call_base::complete */
inline complete(from)
{
  publish(from, LOOP_GONE, was);
  if
  :: was & HANDLE_GONE -> destroy()
  :: else
  fi;
  was = 0
}

/* call_base::fail_waiting */
inline complete_waiting()
{
  set_outcome();
  complete(WAITING)
}

/* call_base::cancel */
inline cancel()
{
  try_claim_queued(ok);
  if
  :: ok ->
     discard_callable();
     set_outcome();
     publish(SETTLING, 0, was);
     assert(!(was & HANDLE_GONE))
  :: else ->
     atomic { touch(); was = word; word = word | CANCEL }; /* request_cancel */
     if
     :: phase(was) == WAITING ->
        assert(source);
#ifdef CANCEL_WITHOUT_CLAIM
        ok = true;
#else
        claim(CANCELLED, ok);
#endif
        if
        :: ok ->
           set_outcome();
           publish(WAITING, LOOP_GONE, was);
           touch(); /* core_ */
           unregister_later()
        :: else
        fi
     :: else
     fi
  fi;
  was = 0
}

/* What the users of a handle may do, a deadline being over whenever that is worst; the
 * model's own */
inline use_handle(u)
{
  if
  :: wait(u, false, ok); assert(outcome)
  :: wait(u, true, ok); /* eventual::get_for, or bridge::call_for, which cancels */
     if
     :: ok -> assert(outcome)
     :: !ok -> cancel()
     :: !ok
     fi
  :: cancel()
  :: true
  fi
}

#ifdef ON_STACK
active proctype caller()
{
  byte w; bool ok;
#ifdef ABANDONS
  wait(0, true, ok);
#else
  wait(0, false, ok);
#endif
  atomic { assert(!ok || outcome); freed = true }; /* the frame is gone */
  if
  :: source -> source = false; release_deferred()
  :: else
  fi
}
#else
active proctype owner()
{
  byte w, was; bool ok;
  use_handle(0);
  users--;
  users == 0; /* whoever drops it must have it alone */
  release(HANDLE_GONE, LOOP_GONE, ok); /* call_base::drop_handle */
  if
  :: ok -> destroy()
  :: else
  fi
}
#if USERS > 1
active proctype user()
{
  byte w, was; bool ok;
  use_handle(1);
  users--
}
#endif
#endif

/* call_with_result::run and result::run_callable */
inline run_call()
{
  start();
  if
  :: ok ->
     atomic { touch(); assert(callable); runs++ };
     if
     :: true -> /* a value, or an exception */
        set_outcome();
        discard_callable();
        complete(RUNNING)
     :: true -> /* a deferred */
        atomic { made = true; deferred_refs = 2 };
        set_outcome(); /* broken, lest it is empty */
        discard_callable();
        wait_for_answer()
     fi
  :: else
  fi
}

/* call_with_result::refuse */
inline refuse_call()
{
  start();
  if
  :: ok ->
     discard_callable();
     set_outcome();
     complete(RUNNING)
  :: else
  fi
}

/* call_base::start */
inline start()
{
  try_start(ok);
  if
  :: ok
  :: else ->
     release(LOOP_GONE, HANDLE_GONE, last);
     if
     :: last -> destroy()
     :: else
     fi
  fi
}

active proctype loop_thread()
{
  byte was; bool ok, last;
  if
  :: run_call()
  :: refuse_call()
  fi;
end_idle:
  do
  :: posted -> run_posted_deferred()
  :: closed -> end_on_loop(); break
  od
}

#ifdef STOP
active proctype stopper()
{
  closed = true
}
#endif

/* deferred_base::deliver, and the end of the completer */
active proctype completer()
{
  byte was; bool ok;
end_of_none:
  made;
  claim(RESOLVED, ok);
  if
  :: ok ->
     atomic { touch_deferred(); was = link; link = SETTLED };
     if
     :: was == THE_CALL -> complete_waiting(); unregister_later()
     :: else -> was = 0
     fi
  :: else
  fi;
  release_deferred()
}

active proctype quiescence()
{
end_of_all:
  timeout;
  assert(freed && !callable && runs <= 1);
  assert(deferred_refs == 0 && !registered);
  assert(hooks == (claimed == CANCELLED -> 1 : 0))
}
