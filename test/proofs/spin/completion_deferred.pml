/* The deferred that a callable may return, its completer, and the core's register of deferreds. */

#define OPEN 0
#define RESOLVED 1
#define CANCELLED 2
#define THE_CALL 1
#define SETTLED 2

bool made;          /* there is one */
byte claimed;       /* deferred_base::claim_ */
byte link;          /* deferred_base::link_ */
byte deferred_refs; /* deferred_base::refs_ */
bool registered;      /* it is in the register */
bool source;        /* call_base::source_: the call holds it */
bool closed;        /* the submission list is */
bool posted;        /* the deferred is in the submission list, as a node */

#define touch_deferred() assert(deferred_refs > 0)

/* deferred_base::release_ref */
inline release_deferred()
{
  atomic { touch_deferred(); deferred_refs-- }
}

/* deferred_base::claim */
inline claim(as, ok)
{
  atomic {
    touch_deferred();
    ok = (claimed == OPEN);
    claimed = (ok -> as : claimed)
  }
}

/* loop_core::unregister, by the thread that holds the turn: runs the cancel hook if that is owed */
inline unregister()
{
  if
  :: registered ->
     atomic {
       touch_deferred();
       registered = false;
       hooks = hooks + (claimed == CANCELLED -> 1 : 0);
       assert(hooks <= 1)
     };
     release_deferred()
  :: else
  fi
}

/* loop_core::unregister_later. When the loop does so itself, in wait_for_answer, it finds the node later. */
inline unregister_later()
{
  atomic { touch_deferred(); deferred_refs++ };
  if
  :: atomic { !closed -> assert(!posted); posted = true }
  :: atomic { closed -> touch_deferred(); deferred_refs-- }
  fi
}

/* deferred_base::unregistration::go */
inline run_posted_deferred()
{
  posted = false;
  unregister();
  release_deferred()
}

/* call_base::wait_for_answer */
inline wait_for_answer()
{
  source = true;
  atomic { deferred_refs++; registered = true }; /* loop_core::register_deferred */
  atomic { /* completion::start_waiting */
    touch();
    assert(phase(word) == RUNNING);
    last = (word & CANCEL) != 0;
    word = word + (WAITING - RUNNING)
  };
  atomic { /* deferred_base::attach */
    touch_deferred();
    ok = (link == 0);
    link = (ok -> THE_CALL : link)
  };
  if
  :: !ok -> unregister(); complete_waiting()
  :: ok && last ->
     claim(CANCELLED, ok);
     if
     :: ok -> unregister_later(); complete_waiting()
     :: else
     fi
  :: else
  fi;
  last = false
}

/* core::end_on_loop */
inline end_on_loop()
{
  if
  :: posted -> run_posted_deferred()
  :: else
  fi;
  if
  :: registered ->
     claim(CANCELLED, ok);
     if
     :: ok -> atomic { touch_deferred(); assert(link == THE_CALL) }; complete_waiting()
     :: else
     fi;
     unregister()
  :: else
  fi
}
