// The pieces /proc is put together from.
#pragma once

#include "kernel/fs/proc/proc.h"
#include "kernel/vfs/process_info.h"
#include "kernel/vfs/pseudo.h"

namespace quire::fs::proc {

using vfs::PseudoFileSystem;

/// A process by number, as long as it is there. ESRCH.
Result<Ref<vfs::ProcessView>> view_of(int pid);
/// May the calling task look into the process (PTRACE_MODE_READ)? EACCES.
Result<> check_inspect(vfs::ProcessView& process);
/// Its state, as it is to whoever asks: the asker runs.
Result<vfs::ThreadInfo> thread_of(vfs::ProcessView& process, int tid);
/// A path as the calling task sees it.
std::string shown(const vfs::Path& path);

// proc_process.cpp
Result<Ref<vfs::Inode>> process_directory(PseudoFileSystem& fs, int pid);
/// /proc/PID/task/TID.
Result<Ref<vfs::Inode>> thread_directory(PseudoFileSystem& fs, int pid, int tid);

// proc_status.cpp: texts
Result<std::string> stat_text(int pid, int tid, bool whole_process);
Result<std::string> status_text(int pid, int tid);
Result<std::string> statm_text(int pid);
Result<std::string> limits_text(int pid);
Result<std::string> mounts_text();
Result<std::string> mountinfo_text();

// proc_memory.cpp
Result<std::string> maps_text(int pid);
Result<std::string> smaps_text(int pid);
Result<std::string> smaps_rollup_text(int pid);
Result<std::string> program_bytes(int pid, bool environment);
Result<Ref<vfs::File>> open_memory(int pid, int flags, vfs::Inode& node);
/// Quire's own: frames of the memory file, for `quire mem`.
Result<std::string> frames_text(int pid);
Result<Ref<vfs::File>> open_pagemap(int pid, int flags, vfs::Inode& node);

// proc_system.cpp: what lies directly in /proc; proc_sysctl.cpp: /proc/sys
void add_system_files(PseudoFileSystem& fs, vfs::StaticDirectory& root, const Settings& settings);
Ref<vfs::Inode> sysctl_directory(PseudoFileSystem& fs, const Settings& settings);

}  // namespace quire::fs::proc
