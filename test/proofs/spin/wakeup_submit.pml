/* The submitter's side: submission_list::push, inbox::wake and mark_rung, loop_core::ring. */

#ifdef SPLIT_PUBLISH
/* Exchange, then link, as Vyukov's queues do. The taker, which begins with the oldest node, waits
 * for those that are not linked yet. */
byte unlinked;
/* instead of submission_list::push */
inline push(n, ok)
{
  atomic {
    ok = !(head & CLOSED);
    if
    :: ok -> h = head; head = n; unlinked++; account_accepted(n)
    :: else
    fi
  };
  if
  :: ok -> atomic { next[n] = h; unlinked--; h = 0 }
  :: else
  fi
}
#else
/* submission_list::push */
inline push(n, ok)
{
#ifdef REFUSE_OUTSIDE_CAS
  h = head;
  ok = !(h & CLOSED);
  if
  :: ok ->
     atomic {
       next[n] = head & ~CLOSED;
       head = n | (head & CLOSED);
       account_accepted(n)
     }
  :: else
  fi;
  h = 0
#else
  h = head;
  do
  :: atomic { (h & CLOSED) -> assert(head & CLOSED); ok = false; h = 0; break }
  :: atomic {
       !(h & CLOSED) && head == h ->
       next[n] = h;
       head = n;
       account_accepted(n);
       ok = true;
       h = 0;
       break
     }
  :: atomic { !(h & CLOSED) && head != h -> h = head }
  od
#endif
}
#endif

/* the model's own: the account */
inline account_accepted(n)
{
  assert(!accepted[n]);
  accepted[n] = true;
  pushed++;
  place[n] = pushed
}

/* inbox::wake */
inline wake()
{
#ifdef PENDING_FLAG
  /* As uv_async_send: whoever sets the flag will write. */
  if
  :: atomic { !pending -> pending = true };
     rung = true
  :: else
  fi
#else
  if
  :: atomic { episode % 2 == 1 -> e = episode; ringing++ }; ring()
  :: else
  fi
#endif
}

/* loop_core::ring */
inline ring()
{
#ifdef MARK_BEFORE_WRITE
  mark_rung();
  rung = true
#else
  rung = true;
  mark_rung()
#endif
}

/* inbox::mark_rung */
inline mark_rung()
{
#ifdef NO_EPISODE_NUMBER
  atomic { episode = 0; e = 0 }
#else
  atomic {
    if
    :: episode == e -> episode = e + 1
    :: else
    fi;
    e = 0;
    ringing--;
    renumber()
  }
#endif
}

/* Episodes are only ever compared for equality with those that senders hold, so while nobody holds
 * one they may start again from 0, which keeps their number small; the model's own */
inline renumber()
{
  if
  :: ringing == 0 -> episode = episode % 2
  :: else
  fi
}

#ifdef PENDING_FLAG
bool pending;
#endif

/* loop_core::submit */
inline submit(n, ok)
{
#ifdef WAKE_IF_EMPTY
  push_and_see(n, ok, e);
  if
  :: ok && e -> atomic { rung = true; e = 0 }
  :: else
  fi
#else
#ifdef BELL_BEFORE_PUSH
  /* As the sender's processor might, were the push not seq_cst: the read hoisted over it. */
  atomic { e = (episode % 2 == 1 -> episode : 0); ringing = ringing + (e != 0) };
  push(n, ok);
  if
  :: ok && e != 0 -> ring()
  :: else -> atomic { ringing = ringing - (e != 0); e = 0 }
  fi
#else
  push(n, ok);
  if
  :: ok -> wake()
  :: else
  fi
#endif
#endif
}

#ifdef WAKE_IF_EMPTY
/* the model's own, of an unsafe variant */
inline push_and_see(n, ok, was_empty)
{
  atomic {
    ok = !(head & CLOSED);
    if
    :: ok -> was_empty = (head == 0); next[n] = head; head = n; account_accepted(n)
    :: else
    fi
  }
}
#endif

/* core::stop_reentrant */
inline stop_reentrant()
{
  head = head | CLOSED;
#ifndef CLOSE_WITHOUT_RING
  wake()
#endif
}

/* core::stop, on a thread that does not run the loop */
inline stop()
{
  stop_reentrant();
#ifdef ADOPTED
  release_waiters_from_elsewhere()
#else
  loop_gone /* join */
#endif
}
