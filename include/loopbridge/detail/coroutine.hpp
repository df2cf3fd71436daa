#pragma once

// clang before 17 has coroutines, but not the macro that libstdc++'s header asks for.
#if defined(__clang__) && !defined(__cpp_impl_coroutine)
#define __cpp_impl_coroutine 201902L
#endif

#include <coroutine>
