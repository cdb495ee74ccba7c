// Numbers of host calls that are newer than Debian 12's headers.
#pragma once

#include <sys/syscall.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451  // Linux 6.5
#endif
