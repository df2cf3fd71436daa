#pragma once

#include <features.h>

// For tests that define functions of libc's: __THROW is glibc's word, noexcept, in the declarations
// of those that are no cancellation points. Other C libraries declare nothing.
#ifndef __THROW
#define __THROW
#endif
