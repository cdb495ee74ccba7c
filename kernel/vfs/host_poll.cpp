#include "kernel/vfs/host_poll.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>

#include <array>
#include <thread>
#include <unordered_map>

#include "kernel/abi/thread_place.h"

namespace quire::vfs {

/// The thread that waits on the host for all.
class HostPollThread {
 public:
  static HostPollThread& instance() {
    static HostPollThread* t = new HostPollThread;
    return *t;
  }

  u64 add(HostPoll& poll) {
    LockGuard g(lock_);
    u64 id = next_++;
    epoll_event e{};
    // Edge-triggered: each change is told once, and whoever hears of it asks for the state.
    e.events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET;
    e.data.u64 = id;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, poll.fd_, &e) != 0) return 0;
    polls_[id] = &poll;
    return id;
  }
  void remove(HostPoll& poll) {
    LockGuard g(lock_);
    polls_.erase(poll.id_);
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, poll.fd_, nullptr);
  }

 private:
  HostPollThread() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    // Signals sent to Quire are for the threads that expect them.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    std::thread([this] { serve(); }).detach();
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
  }

  void serve() {
    abi::ThreadPlace::current().set_follows();
    std::array<epoll_event, 64> events;
    for (;;) {
      int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      if (n < 0 && errno != EINTR) return;
      LockGuard g(lock_);
      for (int i = 0; i < n; ++i) {
        auto it = polls_.find(events[static_cast<std::size_t>(i)].data.u64);
        if (it != polls_.end()) it->second->queue_.notify(events[static_cast<std::size_t>(i)].events);
      }
    }
  }

  const int epoll_;
  Mutex<locks::host_poll> lock_;
  std::unordered_map<u64, HostPoll*> polls_ GUARDED_BY(lock_);
  u64 next_ GUARDED_BY(lock_) = 1;
};

HostPoll::HostPoll(int fd) : fd_(fd) { id_ = HostPollThread::instance().add(*this); }
HostPoll::~HostPoll() {
  if (id_ != 0) HostPollThread::instance().remove(*this);
}

u32 HostPoll::ready(int fd) {
  pollfd p{fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
  if (::poll(&p, 1, 0) < 0) return 0;
  u32 r = static_cast<u16>(p.revents);
  if ((r & POLLIN) != 0) r |= POLLRDNORM;
  if ((r & POLLOUT) != 0) r |= POLLWRNORM;
  return r;
}

}  // namespace quire::vfs
