#pragma once

/// The ways of test/consumer/plugin/answers.cpp.
enum class answer_by {
  call,
  call_for,
  submit,
  exception,
  post_then_call,
  deferred_within,
  deferred_on_the_loop,
  deferred_by_a_thread,
  task_at_once,
  task_that_waits,
  task_in_a_task,
  task_that_calls,
  then,
  then_later,
  when_all,
  wrap,
  later,
  refusal,  ///< the last
};
