#include "kernel/task/undertaker.h"

#include <sched.h>

#include <deque>

#include "base/lock.h"
#include "kernel/abi/lock_order.h"
#include "kernel/abi/thread_place.h"
#include "kernel/task/host_threads.h"

namespace quire::task {
namespace {

class Undertaker {
 public:
  static Undertaker& instance() {
    static auto* one = new Undertaker;  // its thread may outlive all else
    return *one;
  }

  void bury(Ref<mm::AddressSpace> mm) {
    if (!mm) return;
    {
      LockGuard guard(lock_);
      if (!closed_ && !one_cpu_ && waiting_.size() < most_waiting && (started_ || start())) {
        waiting_.push_back(std::move(mm));
        if (idle_) work_.notify_one();
        return;
      }
      if (closed_) {
        (void)mm.release();
        return;
      }
    }
    mm = nullptr;
  }

  void finish() {
    LockGuard guard(lock_);
    while (!waiting_.empty() || busy_) done_.wait(lock_);
  }

  void close() {
    LockGuard guard(lock_);
    closed_ = true;
    for (Ref<mm::AddressSpace>& mm : waiting_) (void)mm.release();
    waiting_.clear();
    while (busy_) done_.wait(lock_);
  }

 private:
  static constexpr std::size_t most_waiting = 8;

  bool start() REQUIRES(lock_) {
    started_ = start_host_thread(
                   [](void* self) -> void* {
                     static_cast<Undertaker*>(self)->serve();
                     return nullptr;
                   },
                   this)
                   .has_value();
    return started_;
  }

  void serve() {
    // The maker may be kept on a CPU.
    sched_setaffinity(0, sizeof abi::usable_cpus().mask, &abi::usable_cpus().mask);
    LockGuard guard(lock_);
    for (;;) {
      while (waiting_.empty()) {
        idle_ = true;
        work_.wait(lock_);
        idle_ = false;
      }
      Ref<mm::AddressSpace> mm = std::move(waiting_.front());
      waiting_.pop_front();
      busy_ = true;
      guard.unlock();
      mm = nullptr;
      guard.lock();
      busy_ = false;
      if (waiting_.empty()) done_.notify_all();
    }
  }

  Mutex<locks::host_threads> lock_;
  CondVar work_, done_;
  std::deque<Ref<mm::AddressSpace>> waiting_ GUARDED_BY(lock_);
  bool started_ GUARDED_BY(lock_) = false, idle_ GUARDED_BY(lock_) = false;
  bool busy_ GUARDED_BY(lock_) = false, closed_ GUARDED_BY(lock_) = false;
  const bool one_cpu_ = sysconf(_SC_NPROCESSORS_ONLN) == 1;
};

}  // namespace

void bury(Ref<mm::AddressSpace> mm) { Undertaker::instance().bury(std::move(mm)); }
void finish_burials() { Undertaker::instance().finish(); }
void leave_unburied() { Undertaker::instance().close(); }

}  // namespace quire::task
