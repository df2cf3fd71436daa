/* Lanes: a producer that leaves its fence to the loop, one that waits for room, posts that spill to
 * the list, and how a lane ends, with a handler that interrupts the producer.
 *
 * One step is one access to shared memory, one system call, or one callable run. A producer's
 * stores go through a buffer, as on x86: `tail_buf` holds the latest one of its tail until it is
 * flushed, which happens at any time, and at the thread's read-modify-writes. (The orders of C++,
 * which allow more, are test/weak_memory's. The list and the bell are wakeup.pml's: here a push is
 * one step.) docs/proof_of_lanes.md says which line of the source each inline stands for.
 *
 * Configurations (test/model/run has the table):
 *   LANES     how many producers there are, 1 or 2, each with a lane of its own
 *   POSTS     how many posts each makes, before it waits for the last and drops its lane
 *   SPILL     where the lane is full they go through the list, and perhaps where it has room, as
 *             those do that a callable makes while it is moved into its slot; else they wait
 *   HANDLER   one may interrupt the first producer: posts to its lane and waits for the answer
 *   OTHER     another thread posts to the list and waits for the answer
 *   STOP      one more thread may stop the bridge, which runs or refuses what is queued
 * The unsafe variants are macros too, each where it departs from the source. */

#ifndef LANES
#define LANES 1
#endif
#ifndef POSTS
#define POSTS 3
#endif

#define SLOTS 2    /* lane_state::capacity */
#define WORTH_IT 2 /* lane_ring::worth_it: a pass of so many makes it loud */
#define UNDECIDED 255
#define QUIET 0
#define LOUD 1
#define CLOSING 2

/* What a post comes to. */
#define UNKNOWN 0
#define ACCEPTED 1
#define STOPPED 2
#define NO_ROOM 3
#define ENTERED 4

/* Nodes in the list. */
#define CALL 0
#define JOIN 1
#define LEAVE 2
#define SPILLED 3

/* The ring of each lane, with the names of the source. */
bool busy[LANES];
byte tail[LANES], tail_buf[LANES], head[LANES], mode[LANES], waiting[LANES];
byte final[LANES] = UNDECIDED;
byte position[LANES];        /* the producer's own, like limit */
byte limit[LANES] = SLOTS;
byte taken[LANES];           /* the consumer's own, like traffic */
byte traffic[LANES];
byte slots[LANES * SLOTS];   /* which item; 0: empty */
bool sleeps[LANES];          /* the producer does, on waiting[] */

/* lane_state */
byte owners[LANES] = 2;
bool registered[LANES];
bool has_lane[LANES]; /* the program does, between making and dropping it */
byte spilled[LANES], unspilled[LANES];

/* The list and the bell. */
chan list = [2 * (POSTS + 4)] of {byte, byte, byte, byte}; /* kind, lane, item, position */
bool closed;
byte episode;
bool rung;
byte ringing;
byte depth[1]; /* how many handlers stand on the first producer's thread */

/* What the source does not have: the account. Items are numbered from 1, each lane's in the order
 * of its posts; the last two are the handler's, and the other thread's. */
#define ITEMS (LANES * POSTS + 2)
#define HANDLERS_ITEM (ITEMS - 1)
#define OTHERS_ITEM ITEMS
byte verdict[ITEMS + 1];
bool over[ITEMS + 1];  /* run, or refused by who ends the bridge */
byte last_run[LANES];

inline end_item(p, item, runs)
{
  atomic {
    assert(!over[item]);
    over[item] = true;
    if
    :: runs && item < HANDLERS_ITEM -> assert(item > last_run[p]); last_run[p] = item
    :: else
    fi
  }
}

#include "wakeup_submit.pml"
#include "lane_post.pml"
#include "lane_loop.pml"

inline producer_body(p)
{
  make_lane(p);
  if
  :: has_lane[p] ->
     n = 1;
     do
     :: n <= POSTS -> post(p, p * POSTS + n); n++
     :: else -> break
     od;
     n = 0;
     if
     :: verdict[p * POSTS + POSTS] == ACCEPTED -> over[p * POSTS + POSTS]
     :: else
     fi;
     drop_handle(p)
  :: else
  fi
}

active proctype producer1() provided (depth[0] == 0)
{
  byte e, got, m, n; bool ok;
  producer_body(0)
}

#if LANES > 1
active proctype producer2()
{
  byte e, got, m, n; bool ok;
  producer_body(1)
}
#endif

#ifdef HANDLER
/* lane::post_reentrant, and then a wait for what it posted. */
active proctype handler()
{
  byte e, got, m; bool ok;
  if
  :: atomic { has_lane[0] -> depth[0] = 1 };
     try_post(0, HANDLERS_ITEM, got);
     if
     :: got == NO_ROOM || got == ENTERED ->
        push_node(CALL, 0, HANDLERS_ITEM, 0, ok);
        got = (ok -> ACCEPTED : STOPPED)
     :: else
     fi;
     verdict[HANDLERS_ITEM] = got;
     if
     :: got == ACCEPTED -> wake(); over[HANDLERS_ITEM]
     :: else
     fi;
     depth[0] = 0
  :: true /* it never comes */
  fi
}
#endif

#ifdef OTHER
active proctype other()
{
  byte e; bool ok;
  push_node(CALL, 0, OTHERS_ITEM, 0, ok);
  verdict[OTHERS_ITEM] = (ok -> ACCEPTED : STOPPED);
  if
  :: ok -> wake(); over[OTHERS_ITEM]
  :: else
  fi
}
#endif

#ifdef STOP
active proctype stopper()
{
  byte e;
  if
  :: closed = true; wake()
  :: true
  fi
}
#endif

/* When nothing can move any more, what was accepted is over, and nothing else. */
active proctype quiescence()
{
  byte n;
end_of_all:
  timeout;
  d_step {
    for (n : 1 .. ITEMS) {
      assert(over[n] == (verdict[n] == ACCEPTED))
    };
    for (n : 0 .. LANES - 1) {
      assert(owners[n] == 0)
    }
  }
}
