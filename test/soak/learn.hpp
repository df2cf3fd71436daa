#pragma once

#include <exception>

#include "job.hpp"
#include "world.hpp"

namespace soak {

/// Thrown by an `ask` that submits, when that was refused: there will be no answer.
struct refused_at_once {};

/// Waits by `ask`, which looks at the answer of `i`, and books what it was told. `target`: the site
/// that is waited for, or below zero if nobody is. False: there was no answer.
template <class Ask>
bool learn(world& w, id i, int target, Ask&& ask) {
  const auto thrown = [&](id by) {
    if (by != i) w.books.complain("somebody else's exception arrived", i);
    w.books.note_told(i, told_threw);
    return true;
  };
  const account::loop_waits waiting(w.books, target);
  try {
    const answer a = std::forward<Ask>(ask)();
    if (a.of != i || a.proof != answer::proof_of(i)) {
      w.books.complain("somebody else's answer arrived", i);
    }
    w.books.note_told(i, told_value);
    return true;
  } catch (const job_failed& e) {
    return thrown(e.of);
  } catch (const job_failed_barely& e) {
    return thrown(e.of);
  } catch (id e) {
    return thrown(e);
  } catch (const loopbridge::cancelled&) {
    w.books.note_told(i, told_cancelled);
    return true;
  } catch (const loopbridge::bridge_stopped&) {
    w.books.note_told(i, told_stopped);
    return true;
  } catch (const loopbridge::broken&) {
    w.books.note_told(i, told_broken);
    return true;
  } catch (const refused_at_once&) {
  } catch (const loopbridge::timed_out&) {
    count(w.counts.timeouts);
  } catch (const loopbridge::would_deadlock&) {
    w.check_deadlock(target, waiting, i);
  } catch (const std::exception&) {
    w.books.complain("an exception that nobody threw arrived", i);
  }
  return false;
}

}  // namespace soak
