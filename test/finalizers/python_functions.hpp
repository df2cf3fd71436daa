#pragma once

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <loopbridge/loopbridge.hpp>
#include <stdexcept>
#include <string>
#include <utility>

#include "python.hpp"  // first: Python's header wants to be
#include "subject.hpp"
#include "support/patience.hpp"

/// The functions through which the Python code of the tests reaches a bridge.
namespace python {

using finalizers::subject;
using loopbridge::status;

inline subject* current = nullptr;  ///< the running interpreter's

inline PyObject* text(status s) {
  return PyUnicode_FromString(to_string(s));
}

inline PyObject* post(PyObject*, PyObject* id) {
  return text(current->post(PyLong_AsSize_t(id)));
}
inline PyObject* post_reentrant(PyObject*, PyObject* id) {
  return text(current->post_reentrant(PyLong_AsSize_t(id)));
}
inline PyObject* fire(PyObject*, PyObject*) {
  return text(current->call.post());
}
inline PyObject* fire_and_wait(PyObject*, PyObject*) {
  status s;
  {
    const without_gil free;
    s = current->call.call_for(support::generous);
  }
  return text(s);
}
inline PyObject* twice(PyObject*, PyObject* number) {
  const long n = PyLong_AsLong(number);
  const auto f = [n] {
    if (n < 0) throw std::domain_error("less than nothing");
    return 2 * n;
  };
  long result;
  {
    const without_gil free;
    result = current->bridge.call(f);
  }
  return PyLong_FromLong(result);
}

/// Runs a Python callable on the loop. What it raises is printed there.
inline auto run_there(object callable) {
  return [callable = std::move(callable)] {
    const gil lock;
    PyObject* const result = callable.call();
    if (result == nullptr) PyErr_Print();
    Py_XDECREF(result);
  };
}
inline PyObject* on_loop(PyObject*, PyObject* callable) {
  object kept(Py_NewRef(callable));
  {
    const without_gil free;
    current->bridge.call(run_there(std::move(kept)));
  }
  Py_RETURN_NONE;
}
inline PyObject* on_loop_by_eventual(PyObject*, PyObject* callable) {
  const auto answer = current->bridge.submit(run_there(object(Py_NewRef(callable))));
  {
    const without_gil free;
    answer.get();
  }
  Py_RETURN_NONE;
}
/// The mistake: waits for the loop, which waits for the lock that this thread holds.
inline PyObject* on_loop_without_release(PyObject*, PyObject* callable) {
  using namespace std::chrono_literals;
  try {
    current->bridge.call_for(50ms, run_there(object(Py_NewRef(callable))));
  } catch (const loopbridge::timed_out&) {
    return PyUnicode_FromString("timed_out");
  }
  return PyUnicode_FromString("answered");
}
/// A wait that Ctrl-C ends: Python's handlers run only where its code, or this, looks for signals.
inline PyObject* wait_for_ctrl_c(PyObject*, PyObject*) {
  using namespace std::chrono_literals;
  loopbridge::completer<int> done;
  const auto never = current->bridge.submit([&done] {
    auto answer = done.get_deferred();
    kill(getpid(), SIGINT);
    return answer;
  });
  for (bool ready = false; !ready;) {
    {
      const without_gil free;
      ready = never.wait_for(10ms);
    }
    if (PyErr_CheckSignals() != 0) {
      never.cancel();
      return nullptr;
    }
  }
  Py_RETURN_NONE;
}

/// No C++ exception may pass through Python.
template <PyObject* (*Function)(PyObject*, PyObject*)>
PyObject* guarded(PyObject* self, PyObject* argument) {
  try {
    return Function(self, argument);
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
    return nullptr;
  }
}

inline PyMethodDef functions[] = {
    {"post", guarded<post>, METH_O, nullptr},
    {"post_reentrant", guarded<post_reentrant>, METH_O, nullptr},
    {"fire", guarded<fire>, METH_NOARGS, nullptr},
    {"fire_and_wait", guarded<fire_and_wait>, METH_NOARGS, nullptr},
    {"twice", guarded<twice>, METH_O, nullptr},
    {"on_loop", guarded<on_loop>, METH_O, nullptr},
    {"on_loop_by_eventual", guarded<on_loop_by_eventual>, METH_O, nullptr},
    {"on_loop_without_release", guarded<on_loop_without_release>, METH_O, nullptr},
    {"wait_for_ctrl_c", guarded<wait_for_ctrl_c>, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};

/// An interpreter that reports to `s`, with a class whose __del__ calls `function`.
class reporting : public interpreter {
 public:
  explicit reporting(subject& s, const std::string& function = "post(self.id)")
      : interpreter(functions_to(s)) {
    run("import gc\n"
        "said = dict.fromkeys(['accepted', 'answered', 'exhausted', 'bridge_stopped'], 0); kept = "
        "[]\n"
        "class Object:\n"
        "  def __init__(self, id): self.id = id\n"
        "  def __del__(self):\n"
        "    s = " +
        function +
        "\n"
        "    said[s] += 1\n"
        "    if s == 'exhausted': kept.append(self)\n");
  }
  long said(const std::string& status) {
    run("answer = said['" + status + "']");
    return number("answer");
  }

 private:
  static PyMethodDef* functions_to(subject& s) {
    current = &s;
    return functions;
  }
};

}  // namespace python
