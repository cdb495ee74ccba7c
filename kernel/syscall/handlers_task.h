// Handlers of the rows in table_task.cpp.
#pragma once

#include "kernel/syscall/handlers.h"

namespace quire::syscall {

// task_calls.cpp
QUIRE_SYSCALL(fork);
QUIRE_SYSCALL(vfork);
QUIRE_SYSCALL(clone);
QUIRE_SYSCALL(clone3);
QUIRE_SYSCALL(execve);
QUIRE_SYSCALL(execveat);
QUIRE_SYSCALL(exit);
QUIRE_SYSCALL(exit_group);
QUIRE_SYSCALL(wait4);
QUIRE_SYSCALL(waitid);
QUIRE_SYSCALL(set_tid_address);
QUIRE_SYSCALL(unshare);
QUIRE_SYSCALL(pidfd_open);
QUIRE_SYSCALL(pidfd_getfd);
QUIRE_SYSCALL(kcmp);

// signal_calls.cpp
QUIRE_SYSCALL(rt_sigaction);
QUIRE_SYSCALL(rt_sigprocmask);
QUIRE_SYSCALL(rt_sigpending);
QUIRE_SYSCALL(rt_sigsuspend);
QUIRE_SYSCALL(pause);
QUIRE_SYSCALL(rt_sigtimedwait);
QUIRE_SYSCALL(rt_sigreturn);
QUIRE_SYSCALL(sigaltstack);
QUIRE_SYSCALL(kill);
QUIRE_SYSCALL(tkill);
QUIRE_SYSCALL(tgkill);
QUIRE_SYSCALL(rt_sigqueueinfo);
QUIRE_SYSCALL(rt_tgsigqueueinfo);
QUIRE_SYSCALL(pidfd_send_signal);

// time_calls.cpp
QUIRE_SYSCALL(clock_gettime);
QUIRE_SYSCALL(clock_getres);
QUIRE_SYSCALL(clock_settime);
QUIRE_SYSCALL(settimeofday);
QUIRE_SYSCALL(adjtimex);
QUIRE_SYSCALL(clock_adjtime);
QUIRE_SYSCALL(gettimeofday);
QUIRE_SYSCALL(time);
QUIRE_SYSCALL(times);
QUIRE_SYSCALL(nanosleep);
QUIRE_SYSCALL(clock_nanosleep);
QUIRE_SYSCALL(restart_syscall);
QUIRE_SYSCALL(getitimer);
QUIRE_SYSCALL(setitimer);
QUIRE_SYSCALL(alarm);
QUIRE_SYSCALL(timer_create);
QUIRE_SYSCALL(timer_settime);
QUIRE_SYSCALL(timer_gettime);
QUIRE_SYSCALL(timer_getoverrun);
QUIRE_SYSCALL(timer_delete);

// futex_calls.cpp
QUIRE_SYSCALL(futex);
QUIRE_SYSCALL(futex_waitv);
QUIRE_SYSCALL(set_robust_list);
QUIRE_SYSCALL(get_robust_list);

// identity_calls.cpp
QUIRE_SYSCALL(getpid);
QUIRE_SYSCALL(gettid);
QUIRE_SYSCALL(getppid);
QUIRE_SYSCALL(getuid);
QUIRE_SYSCALL(geteuid);
QUIRE_SYSCALL(getgid);
QUIRE_SYSCALL(getegid);
QUIRE_SYSCALL(getresuid);
QUIRE_SYSCALL(getresgid);
QUIRE_SYSCALL(setuid);
QUIRE_SYSCALL(setgid);
QUIRE_SYSCALL(setreuid);
QUIRE_SYSCALL(setregid);
QUIRE_SYSCALL(setresuid);
QUIRE_SYSCALL(setresgid);
QUIRE_SYSCALL(setfsuid);
QUIRE_SYSCALL(setfsgid);
QUIRE_SYSCALL(getgroups);
QUIRE_SYSCALL(setgroups);
QUIRE_SYSCALL(getpgrp);
QUIRE_SYSCALL(getpgid);
QUIRE_SYSCALL(getsid);
QUIRE_SYSCALL(setpgid);
QUIRE_SYSCALL(setsid);
QUIRE_SYSCALL(capget);
QUIRE_SYSCALL(capset);

// machine_calls.cpp
QUIRE_SYSCALL(uname);
QUIRE_SYSCALL(sethostname);
QUIRE_SYSCALL(setdomainname);
QUIRE_SYSCALL(sysinfo);
QUIRE_SYSCALL(getrandom);
QUIRE_SYSCALL(getcpu);
QUIRE_SYSCALL(personality);
QUIRE_SYSCALL(syslog);
QUIRE_SYSCALL(getrlimit);
QUIRE_SYSCALL(setrlimit);
QUIRE_SYSCALL(prlimit64);
QUIRE_SYSCALL(getrusage);
QUIRE_SYSCALL(sched_yield);
QUIRE_SYSCALL(getpriority);
QUIRE_SYSCALL(setpriority);
QUIRE_SYSCALL(sched_setaffinity);
QUIRE_SYSCALL(sched_getaffinity);
QUIRE_SYSCALL(sched_setscheduler);
QUIRE_SYSCALL(sched_getscheduler);
QUIRE_SYSCALL(sched_setparam);
QUIRE_SYSCALL(sched_getparam);
QUIRE_SYSCALL(sched_get_priority_max);
QUIRE_SYSCALL(sched_get_priority_min);
QUIRE_SYSCALL(sched_rr_get_interval);
QUIRE_SYSCALL(sched_setattr);
QUIRE_SYSCALL(sched_getattr);
QUIRE_SYSCALL(membarrier);
QUIRE_SYSCALL(ioprio_get);
QUIRE_SYSCALL(ioprio_set);
QUIRE_SYSCALL(arch_prctl);
QUIRE_SYSCALL(prctl);
QUIRE_SYSCALL(process_vm_readv);
QUIRE_SYSCALL(process_vm_writev);

// mm_calls.cpp
QUIRE_SYSCALL(create_mm);
QUIRE_SYSCALL(mm_indirect);
QUIRE_SYSCALL(mm_switch);
QUIRE_SYSCALL(mm_run);
QUIRE_SYSCALL(mm_map);
QUIRE_SYSCALL(mm_read);
QUIRE_SYSCALL(mm_write);

// sysv_sem_calls.cpp, sysv_msg_calls.cpp
QUIRE_SYSCALL(semget);
QUIRE_SYSCALL(semop);
QUIRE_SYSCALL(semtimedop);
QUIRE_SYSCALL(semctl);
QUIRE_SYSCALL(msgget);
QUIRE_SYSCALL(msgsnd);
QUIRE_SYSCALL(msgrcv);
QUIRE_SYSCALL(msgctl);

}  // namespace quire::syscall
