#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <doctest/doctest.h>

#include <string>
#include <utility>

#ifdef __SANITIZE_ADDRESS__
/// CPython keeps some memory for ever, and so more with each interpreter.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libpython";
}
#endif

/// CPython, embedded.
namespace python {

/// Holds the interpreter's lock. Any thread, also one that holds it or that Python has never seen.
class gil {
 public:
  gil() : before_(PyGILState_Ensure()) {}
  ~gil() { PyGILState_Release(before_); }
  gil(const gil&) = delete;
  gil& operator=(const gil&) = delete;

 private:
  const PyGILState_STATE before_;
};

/// Lets go of it: what every wait must stand in, because the loop may want it.
class without_gil {
 public:
  without_gil() : state_(PyEval_SaveThread()) {}
  ~without_gil() { PyEval_RestoreThread(state_); }
  without_gil(const without_gil&) = delete;
  without_gil& operator=(const without_gil&) = delete;

 private:
  PyThreadState* const state_;
};

/// Keeps an object for a call. The call may be destroyed on any thread, so it sees to the lock.
class object {
 public:
  /// Takes over a reference.
  explicit object(PyObject* o) noexcept : o_(o) {}
  object(object&& other) noexcept : o_(std::exchange(other.o_, nullptr)) {}
  ~object() {
    if (o_ == nullptr) return;
    const gil lock;
    Py_DECREF(o_);
  }
  object& operator=(object&&) = delete;
  /// Null: it raised. With the lock.
  PyObject* call() const { return PyObject_CallNoArgs(o_); }

 private:
  PyObject* o_;
};

/// A running interpreter; one at a time. It begins with the lock held, by this thread.
class interpreter {
 public:
  /// `functions` are what its code finds in its main module, besides Python's own.
  explicit interpreter(PyMethodDef* functions) {
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    // The library's own modules, not those of another Python that PATH leads to.
    PyConfig_SetBytesString(&config, &config.home, PYTHON_HOME);
    const PyStatus status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    REQUIRE_FALSE(PyStatus_Exception(status));
    REQUIRE(PyModule_AddFunctions(PyImport_AddModule("__main__"), functions) == 0);
  }
  /// Finalizes what is left, like lua_close.
  ~interpreter() { CHECK(Py_FinalizeEx() == 0); }
  interpreter(const interpreter&) = delete;
  interpreter& operator=(const interpreter&) = delete;

  void run(const std::string& code) { REQUIRE(PyRun_SimpleString(code.c_str()) == 0); }

  /// A global of its main module.
  long number(const char* name) {
    PyObject* const all = PyModule_GetDict(PyImport_AddModule("__main__"));
    PyObject* const found = PyDict_GetItemString(all, name);
    REQUIRE(found != nullptr);
    return PyLong_AsLong(found);
  }
};

}  // namespace python
