// Error numbers that never reach a guest: how an interrupted system call goes on (as inside Linux).
#pragma once

namespace quire::abi {

inline constexpr int restart_sys = 512;     // ERESTARTSYS: restart if the handler has SA_RESTART
inline constexpr int restart_nointr = 513;  // ERESTARTNOINTR: always restart
inline constexpr int restart_nohand = 514;  // ERESTARTNOHAND: restart only if no handler runs
inline constexpr int restart_block = 516;   // ERESTART_RESTARTBLOCK: continue by restart_syscall

}  // namespace quire::abi
