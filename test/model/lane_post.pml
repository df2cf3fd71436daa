/* The producer's side: lane_state::try_post and lane_ring, which a handler may interrupt at every
 * step; lane::post, lane_state::spill, wait_for_room and drop_handle. */

/* submission_list::push, whose exchange flushes the stores of its thread. */
inline push_node(kind, p, item, at, ok)
{
  atomic {
    flush(p);
    ok = !closed;
    if
    :: ok -> list!kind, p, item, at
    :: else
    fi
  }
}

inline flush(p)
{
  if
  :: tail_buf[p] != 0 -> tail[p] = tail_buf[p]; tail_buf[p] = 0
  :: else
  fi
}

active proctype store_buffers()
{
end_of_stores:
  do
  :: atomic { tail_buf[0] != 0 -> flush(0) }
#if LANES > 1
  :: atomic { tail_buf[1] != 0 -> flush(1) }
#endif
  od
}

#ifdef SPILLED_FORGOTTEN
#define may_use_ring(p) true
#else
#define may_use_ring(p) (spilled[p] == unspilled[p])
#endif

inline try_post(p, item, got)
{
  assert(owners[p] > 0);
  if
#ifndef ENTERED_TWICE
  :: busy[p] -> got = ENTERED /* lane_ring::enter */
#endif
  :: else ->
     busy[p] = true;
     if
     :: position[p] == limit[p] && !may_use_ring(p) -> got = NO_ROOM
     :: else ->
        look_for_room(p);
        if
        :: position[p] == limit[p] -> got = (mode[p] == CLOSING -> STOPPED : NO_ROOM)
        :: else ->
#ifdef MODE_BEFORE_PUBLISH
           m = mode[p];
#endif
           fill_and_publish(p, item);
           settle_if_need_be(p, item, got)
        fi
     fi;
     busy[p] = false /* lane_ring::leave */
  fi
}

/* lane_ring::room */
inline look_for_room(p)
{
  if
  :: position[p] == limit[p] ->
     if
     :: mode[p] == CLOSING
     :: else -> limit[p] = head[p] + SLOTS
     fi
  :: else
  fi
}

/* lane_item::make, lane_ring::publish */
inline fill_and_publish(p, item)
{
  atomic {
    assert(slots[p * SLOTS + position[p] % SLOTS] == 0);
    slots[p * SLOTS + position[p] % SLOTS] = item
  };
  atomic { position[p] = position[p] + 1; tail_buf[p] = position[p] }
}

/* lane_ring::is_settled and settle */
inline settle_if_need_be(p, item, got)
{
#ifndef MODE_BEFORE_PUBLISH
  m = mode[p];
#endif
  if
  :: m == LOUD -> got = ACCEPTED
  :: else ->
#ifndef QUIET_WITHOUT_FENCE
     atomic { true -> flush(p) };
#endif
     if
#ifndef CLOSING_UNSEEN
     :: mode[p] == CLOSING ->
        decide(p, position[p], got);
        if
        :: got == STOPPED ->
           atomic {
             position[p] = position[p] - 1;
             limit[p] = position[p];
             slots[p * SLOTS + position[p] % SLOTS] = 0
           }
        :: else
        fi
     :: else -> got = ACCEPTED
#else
     :: got = ACCEPTED
#endif
     fi
  fi;
  m = 0
}

inline decide(p, at, got)
{
#ifdef DECIDED_TWICE
  got = (final[p] == UNDECIDED || at <= final[p] -> ACCEPTED : STOPPED);
  final[p] = at
#else
  atomic {
    if
    :: final[p] == UNDECIDED -> final[p] = at
    :: else
    fi;
    got = (at <= final[p] -> ACCEPTED : STOPPED)
  }
#endif
}

/* lane::post */
inline post(p, item)
{
  do
  :: true ->
#ifdef SPILL
     if
     :: true -> try_post(p, item, got)
     :: true -> got = ENTERED
     fi;
#else
     try_post(p, item, got);
#endif
     if
     :: got == ACCEPTED || got == STOPPED -> break
     :: else ->
#ifdef SPILL
        spill(p, item, got);
        break
#else
        wait_for_room(p)
#endif
     fi
  od;
  verdict[item] = got;
  if
  :: got == ACCEPTED -> wake()
  :: else
  fi;
  got = UNKNOWN
}

inline spill(p, item, got)
{
  atomic { spilled[p]++; owners[p]++ };
  limit[p] = position[p];
  push_node(SPILLED, p, item, position[p], ok);
  if
  :: ok -> got = ACCEPTED
  :: else -> atomic { spilled[p]--; got = STOPPED; release(p) }
  fi
}

/* lane_state::wait_for_room. The pauses and yields before it are hints. */
inline wait_for_room(p)
{
#ifdef WAITS_AFTER_LOOK
  if
  :: head[p] + SLOTS != position[p] || mode[p] == CLOSING
  :: else ->
     waiting[p] = 1;
#else
  atomic { flush(p); waiting[p] = 1 };
  if
  :: head[p] + SLOTS != position[p] || mode[p] == CLOSING
  :: else ->
#endif
     atomic { sleeps[p] = (waiting[p] == 1) }; /* futex_wait */
     !sleeps[p]
  fi
}

inline release(p)
{
  atomic { assert(owners[p] > 0); owners[p] = owners[p] - 1 }
}

/* lane_state::make */
inline make_lane(p)
{
  push_node(JOIN, p, 0, 0, ok);
  if
  :: ok -> wake(); has_lane[p] = true
  :: else -> owners[p] = 1; release(p)
  fi
}

/* lane_state::drop_handle */
inline drop_handle(p)
{
  has_lane[p] = false;
#ifdef DROPPED_AT_ONCE
  release(p);
  if
  :: registered[p] -> registered[p] = false; release(p)
  :: else
  fi
#else
  push_node(LEAVE, p, 0, 0, ok);
  if
  :: ok -> wake()
  :: else -> release(p)
  fi
#endif
}
