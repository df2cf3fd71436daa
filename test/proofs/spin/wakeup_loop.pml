/* The loop's side: core::before_poll, the poll, core::after_poll, and how the bridge ends. */

#ifdef ARM_IN_STORE_BUFFER
/* The arming store, as a processor keeps it while later loads go ahead: in a buffer of one place,
 * which empties itself at any time. The loop's own reads of the bell see what it holds. */
byte buffered;
active proctype store_buffer()
{
end_of_stores:
  do
  :: atomic { buffered != 0 -> episode = buffered; buffered = 0 }
  od
}
#define own_episode (buffered != 0 -> buffered : episode)
#define flush_first() buffered == 0
#else
#define own_episode episode
#define flush_first() skip
#endif

/* inbox::arm */
inline arm()
{
  be = own_episode;
  if
  :: be % 2 == 0 ->
#ifdef ARM_IN_STORE_BUFFER
     atomic { buffered == 0 -> buffered = be + 1; be = 0 }
#else
#ifdef NO_EPISODE_NUMBER
     atomic { episode = 1; be = 0 }
#else
     atomic { episode = be + 1; be = 0; renumber() }
#endif
#endif
  :: else -> be = 0
  fi
}

/* inbox::disarm. Two steps: a mark_rung() may come between, and writes the same. */
inline disarm()
{
  flush_first();
  be = episode;
  if
  :: be % 2 == 1 ->
#ifdef NO_EPISODE_NUMBER
     atomic { episode = 0; be = 0 }
#else
     atomic { episode = be + 1; be = 0; renumber() }
#endif
  :: else -> be = 0
  fi
}

/* submission_list::take, into `chain`, oldest first. The nodes are the taker's then, so that
 * turning them round is no step of its own. */
inline take(chain)
{
  d_step {
#ifdef SPLIT_PUBLISH
    unlinked == 0;
#endif
    n = head & ~CLOSED;
    head = head & CLOSED;
    chain = 0;
    do
    :: n != 0 ->
       assert(accepted[n]);
       was = next[n];
       next[n] = chain;
       chain = n;
       n = was;
       was = 0
    :: else -> break
    od;
    n = 0
  };
}

/* chain::pop, and one node runs, or is refused: to the list it is the same, it ends and is not
 * touched again. */
inline end_next(chain)
{
#ifdef NEXT_AFTER_RUN
  end_node(chain);
  atomic { assert(accepted[chain]); chain = next[chain] }
#else
  atomic { n = chain; chain = next[n]; next[n] = 0; end_node(n); n = 0 }
#endif
}

/* the model's own: the account */
inline end_node(m)
{
  atomic {
    assert(accepted[m]);
    ended++;
    assert(place[m] == ended); /* the one order */
    accepted[m] = false;
    place[m] = 0
  }
}

/* core::run_batch */
inline run_batch()
{
  if
  :: chain == 0 -> take(chain)
  :: else
  fi;
  do
  :: chain != 0 -> end_next(chain)
  :: else -> break
  od
}

/* core::before_poll, without stay_awake(), in which the loop is still in its turn */
inline before_poll()
{
#ifdef LOOK_BEFORE_ARMING
  work = (head != 0);
  if
  :: !work -> arm()
  :: else
  fi
#else
  arm();
  work = (head != 0);
  if
  :: work -> disarm()
  :: else
  fi
#endif
}

/* wakeup_fd::silence, before the list is taken */
inline read_doorbell()
{
#ifdef DOORBELL_NEVER_READ
  skip;
#else
  if
  :: atomic { rung -> rung = false }
  :: else
  fi
#endif
#ifdef PENDING_FLAG
  ;
  pending = false
#endif
}

/* core::end_on_loop: its list */
inline end_on_loop()
{
  run_batch();
  disarm();
  turns_ended = true
}

#ifndef ADOPTED
/* core::after_poll. Nobody else takes the turn of a loop of our own. */
inline after_poll()
{
  disarm();
  run_batch();
  if
  :: head & CLOSED -> end_on_loop()
  :: else
  fi
}
#else
/* core::after_poll, with core::run_turn and drain_lock::try_take */
inline after_poll()
{
  disarm();
  do
  :: in_turn != 0 -> /* Somebody else ends the bridge. Turns until that is done are all alike. */
     in_turn == 0;
     break
  :: atomic { in_turn == 0 -> in_turn = 1 };
     run_batch();
     if
     :: head & CLOSED -> end_on_loop()
     :: else
     fi;
     give_back_and_look();
     if
#ifndef NO_LOOK_AFTER_TURN
     :: (head & CLOSED) && !turns_ended
#endif
     :: !((head & CLOSED) && !turns_ended) ->
        if
        :: turns_ended -> break
        :: else
        fi;
        arm();
        if
        :: head != 0 -> disarm(); rung = true; break
        :: else -> break
        fi
     fi
  od
}
#endif

/* core::release_waiters_from_elsewhere */
inline release_waiters_from_elsewhere()
{
  byte n, was, own_chain;
  if
  :: atomic { in_turn == 0 -> in_turn = 1 };
     take(own_chain);
     do
     :: own_chain != 0 -> end_next(own_chain)
     :: else -> break
     od;
     give_back_and_look()
  :: else
  fi
}

/* drain_lock::give_back_and_look */
inline give_back_and_look()
{
#ifdef TURN_GIVEN_BACK_UNSEEN
  in_turn = 0
#else
  if
  :: atomic { in_turn == 2 -> in_turn = 0 };
     sleeps_for_turn = false /* futex_wake_all */
  :: atomic { in_turn == 1 -> in_turn = 0 }
  fi
#endif
}

/* core::end_turns, by a stop() on the adopted loop's own thread */
inline end_turns()
{
  head = head | CLOSED;
  do
  :: atomic { in_turn == 0 -> in_turn = 2; break }
  :: atomic { in_turn != 0 -> in_turn = 2 };
     atomic { sleeps_for_turn = (in_turn == 2) }; /* futex_wait */
     !sleeps_for_turn
  od;
  end_on_loop();
  give_back_and_look()
}

/* What an application may do with an adopted loop between its turns: go on, sleep in another loop
 * that polls its descriptor, be done with it, or stop the bridge there; the model's own */
inline out_of_our_hands()
{
  if
  :: true
  :: true ->
end_embedded:
     rung
#ifdef STOP
  :: break /* where it will be stopped: nobody else would end those who wait */
  :: true -> end_turns(); break
#endif
  fi
}

active proctype loop_thread() provided (depth[3] == 0)
{
  byte be, n, was, chain;
  bool work;
  do
  ::
#ifdef ADOPTED
     out_of_our_hands();
#endif
     before_poll();
#ifdef DOORBELL_AFTER_LOOK
     read_doorbell();
#endif
     if
     :: work
     :: else ->
end_asleep:
        rung
     fi;
#ifdef LIST_BEFORE_DOORBELL
     after_poll();
     read_doorbell();
#else
     read_doorbell();
     after_poll();
#endif
     if
     :: turns_ended -> break
     :: else
     fi
  od;
  loop_gone = true
}
