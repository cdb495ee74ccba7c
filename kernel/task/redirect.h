// Guest addresses of a system call mean another address space for a while (mm_indirect, /proc/mm).
#pragma once

#include "kernel/task/task.h"

namespace quire::task {

/// For its scope, and with a reference held, task.mm() is `mm`. Own thread.
class Redirect {
 public:
  Redirect(Task& task, Ref<mm::AddressSpace> mm) : task_(task), before_(task.redirect_mm(std::move(mm))) {}
  ~Redirect() { task_.redirect_mm(std::move(before_)); }
  Redirect(const Redirect&) = delete;
  Redirect& operator=(const Redirect&) = delete;

 private:
  Task& task_;
  Ref<mm::AddressSpace> before_;
};

}  // namespace quire::task
