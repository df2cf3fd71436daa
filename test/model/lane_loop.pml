/* The loop's side: core::before_poll with the arming of the lanes, core::run_lanes and
 * lane_state::run_items, the nodes in the list, and core::end_on_loop. */

/* bell::arm, a seq_cst store */
inline arm_bell()
{
  atomic {
    if
    :: episode % 2 == 0 -> episode++; renumber()
    :: else
    fi
  }
}

inline disarm_bell()
{
  be = episode;
  if
  :: be % 2 == 1 -> atomic { episode = be + 1; be = 0; renumber() }
  :: else -> be = 0
  fi
}

/* fence_all_threads: the kernel comes to each of them at a moment of its own. */
inline fence_all_threads()
{
  atomic { true -> flush(0) };
#if LANES > 1
  atomic { true -> flush(1) };
#endif
}

/* lane_ring::arm */
inline arm_lane(p)
{
  if
  :: registered[p] && mode[p] == LOUD ->
     if
#ifndef QUIET_AFTER_FENCE
     :: traffic[p] < WORTH_IT -> mode[p] = QUIET
#endif
     :: else
     fi;
     atomic { traffic[p] = 0; any_loud = true }
  :: else /* the loop's own fence: it has no store buffer here */
  fi
}

#define has_items(p) (registered[p] && tail[p] != taken[p])
#if LANES > 1
#define any_items (has_items(0) || has_items(1))
#else
#define any_items has_items(0)
#endif

/* core::has_work_when_armed */
inline look_when_armed()
{
#ifdef LOOK_BEFORE_ARMING
  work = len(list) > 0 || closed || any_items;
#endif
  arm_bell();
  arm_lane(0);
#if LANES > 1
  arm_lane(1);
#endif
  if
#ifndef LOOP_WITHOUT_FENCE
  :: any_loud -> any_loud = false; fence_all_threads()
#endif
  :: else -> any_loud = false
  fi;
#ifdef QUIET_AFTER_FENCE
  if
  :: mode[0] == LOUD -> mode[0] = QUIET
  :: else
  fi;
#endif
#ifndef LOOK_BEFORE_ARMING
  work = len(list) > 0 || closed;
  if
  :: !work -> work = has_items(0)
  :: else
  fi;
#if LANES > 1
  if
  :: !work -> work = has_items(1)
  :: else
  fi;
#endif
#endif
  if
  :: work -> disarm_bell()
  :: else
  fi
}

/* lane_ring::publish_head, lane_state::wake_producer */
inline publish_head(p)
{
  head[p] = taken[p];
#ifndef WAITER_NOT_WOKEN
  if
  :: waiting[p] != 0 ->
     waiting[p] = 0;
     sleeps[p] = false /* futex_wake_all */
  :: else
  fi
#endif
}

/* lane_state::end_items, up to `upto` */
inline end_items(p, upto, runs)
{
  do
  :: taken[p] < upto ->
     atomic {
       item = slots[p * SLOTS + taken[p] % SLOTS];
       assert(item != 0);
       slots[p * SLOTS + taken[p] % SLOTS] = 0;
       taken[p] = taken[p] + 1
     };
     end_item(p, item, runs);
     item = 0
  :: else -> break
  od
}

/* lane_state::run_items */
inline run_items(p, upto)
{
  assert(owners[p] > 0);
  before = taken[p];
  end_items(p, upto, true);
  if
  :: taken[p] != before ->
     traffic[p] = taken[p] - before;
     if
     :: traffic[p] >= WORTH_IT && mode[p] == QUIET -> mode[p] = LOUD /* note_traffic */
     :: else
     fi;
     publish_head(p)
  :: else
  fi;
  before = 0
}

/* lane_state::close */
inline close_lane(p, runs)
{
  assert(owners[p] > 0);
  mode[p] = CLOSING;
#ifndef CLOSE_WITHOUT_FENCE
  fence_all_threads();
#endif
  seen = tail[p];
  decide(p, seen, ignored); /* lane_ring::last */
  end_items(p, final[p], runs);
  publish_head(p);
  atomic { seen = 0; ignored = 0 }
}

/* The next node of the list: what its run(), or its refuse(), does. */
inline end_node(runs)
{
  list?kind, lane, number, at;
  if
  :: kind == CALL -> end_item(lane, number, false)
  :: kind == JOIN ->
     if
     :: runs -> registered[lane] = true
     :: else -> close_lane(lane, false); release(lane)
     fi
  :: kind == LEAVE ->
     if
     :: runs -> run_items(lane, tail[lane])
     :: else
     fi;
     if
     :: runs && registered[lane] -> registered[lane] = false; release(lane)
     :: else
     fi;
     release(lane)
  :: kind == SPILLED ->
     if
#ifndef SPILLED_AT_ONCE
     :: runs && taken[lane] < at -> run_items(lane, at)
#endif
     :: else
     fi;
     end_item(lane, number, runs);
     unspilled[lane] = unspilled[lane] + 1;
     release(lane)
  fi;
  atomic { kind = 0; lane = 0; number = 0; at = 0 }
}

inline run_lane(p)
{
  if
  :: registered[p] -> seen = tail[p]; run_items(p, seen); seen = 0
  :: else
  fi
}

inline end_lane(p, runs)
{
  if
  :: registered[p] -> registered[p] = false; close_lane(p, runs); release(p)
  :: else
  fi
}

/* core::end_on_loop */
inline end_on_loop(runs)
{
  do
  :: len(list) > 0 -> end_node(runs)
  :: else -> break
  od;
  end_lane(0, runs);
#if LANES > 1
  end_lane(1, runs);
#endif
  disarm_bell()
}

active proctype loop_thread()
{
  byte be, item, before, seen, kind, lane, number, at, ignored;
  bool work, any_loud;
  do
  :: look_when_armed();
     if
     :: work
     :: else ->
end_asleep:
        rung
     fi;
     rung = false;
     disarm_bell();
     do
     :: len(list) > 0 -> end_node(true)
     :: else -> break
     od;
     run_lane(0);
#if LANES > 1
     run_lane(1);
#endif
     if
     :: closed ->
        if
        :: true -> end_on_loop(true)
        :: true -> end_on_loop(false)
        fi;
        break
     :: else
     fi
  od
}
