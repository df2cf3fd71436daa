#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "catalogue.hpp"
#include "contender.hpp"
#include "measure.hpp"

namespace bench {

/// A contender, with all that can be measured of it.
struct entry {
  struct run {
    measure_info what;
    std::function<std::vector<double>(effort)> measure;
    /// For what needs a process of its own: what that process does. See child.hpp.
    std::function<std::vector<double>(effort)> in_child = nullptr;
    std::size_t rounds = std::numeric_limits<std::size_t>::max();  ///< no more than these
  };
  std::string name;
  role is = role::peer;
  std::vector<run> runs;
};

/// Everybody, in no order: each contender is compiled by itself and enters itself.
std::vector<entry>& field();
/// Enters the event loops of Python that are installed.
void enter_python();

template <contender C>
entry entry_of() {
  entry e{std::string(C::name), C::is, {}};
  for_each_measure([&]<class M>(const M& m) {
    if constexpr (M::template fits<C>) {
      if constexpr (requires { m.template fits_now<C>(); }) {
        if (!m.template fits_now<C>()) return;
      }
      entry::run r{{m.name(), m.figures()}, [m](effort f) { return m.template run<C>(f); }};
      if constexpr (requires { m.template run_in_child<C>(effort{}); }) {
        r.in_child = [m](effort f) { return m.template run_in_child<C>(f); };
      }
      if constexpr (requires { M::rounds; }) r.rounds = M::rounds;
      e.runs.push_back(std::move(r));
    }
  });
  return e;
}

template <class... Contenders>
struct enter {
  enter() { (field().push_back(entry_of<Contenders>()), ...); }
};

}  // namespace bench
