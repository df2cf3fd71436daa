#pragma once

#include <map>
#include <string>

#include "loopbridge/clients/pg.hpp"

namespace loopbridge::clients::detail {

/// What libpq is told to connect with, to one of these addresses.
std::map<std::string, std::string> parameters_of(const pg_options& o, const dns::addresses& found);

/// From a verbose message, "...: FATAL:  28P01: password ...": these five characters.
std::string sqlstate_in(const std::string& text);

}  // namespace loopbridge::clients::detail
