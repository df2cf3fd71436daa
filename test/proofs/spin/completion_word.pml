/* completion::word_, as in include/loopbridge/detail/sync/completion.hpp: its phases, its marks,
 * its operations, and waiting for it. `touch()`, which the including file defines, says that the
 * memory of the call is looked at; a wake-up uses only its address. */

#define QUEUED 0
#define RUNNING 1
#define WAITING 2
#define SETTLING 3
#define DONE 4
#define phase(w) ((w) & 7)
#define SLEEPER 8
#define CANCEL 16
#define LOOP_GONE 32
#define HANDLE_GONE 64

byte word = QUEUED;
bool asleep[2]; /* in the kernel, on the word's address */

/* completion::try_start */
inline try_start(ok)
{
  atomic {
    touch();
    ok = (phase(word) == QUEUED);
    word = word + (ok -> RUNNING : 0)
  }
}

/* completion::try_claim_queued */
inline try_claim_queued(ok)
{
#ifdef CANCEL_BY_PLAIN_STORE
  atomic { touch(); ok = (phase(word) == QUEUED) };
  if
  :: ok -> atomic { touch(); word = SETTLING }
  :: else
  fi
#else
  atomic {
    touch();
    ok = (phase(word) == QUEUED);
    word = word + (ok -> SETTLING : 0)
  }
#endif
}

/* completion::publish; `was` is the word before it */
inline publish(from, marks, was)
{
  atomic {
    touch();
    assert(phase(word) == from);
    outcome_is_complete();
    was = word;
    word = word + (DONE - from) + marks
  };
#ifdef TOUCH_AFTER_PUBLISH
  atomic { touch(); was = (was & ~SLEEPER) | (word & SLEEPER) };
#endif
  if
  :: was & SLEEPER -> atomic { asleep[0] = false; asleep[1] = false } /* futex_wake_all */
  :: else
  fi
}

/* completion::release_loop and release_handle: `last` if the other side has let go before */
inline release(mine, others, last)
{
#ifdef RELEASE_IN_TWO_STEPS
  atomic { touch(); last = (word & others) != 0 };
  atomic { touch(); word = word | mine }
#else
  atomic { touch(); last = (word & others) != 0; word = word | mine }
#endif
}

/* completion::wait by waiter `u`; with a limit, the time may be up at any moment */
inline wait(u, limit, in_time)
{
  do
  :: atomic { touch(); w = word };
     if
     :: phase(w) == DONE -> in_time = true; break
     :: phase(w) != DONE && limit -> in_time = false; break
     :: phase(w) != DONE ->
        atomic {
          touch();
          if
          :: word == w -> w = w | SLEEPER; word = w
          :: else -> w = 255 /* look again */
          fi
        };
        if
        :: w == 255
        :: else -> futex_wait(u, limit)
        fi
     fi
  od;
  w = 0
}

/* detail::futex_wait: that the kernel compares and falls asleep in one step is argued there */
inline futex_wait(u, limit)
{
#ifdef SLEEP_WITHOUT_COMPARING
  asleep[u] = true;
#else
  atomic { touch(); asleep[u] = (word == w) };
#endif
  if
  :: !asleep[u]
  :: limit -> asleep[u] = false
  fi
}
