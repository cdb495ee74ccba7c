// Threads as helpers: who starts one must be able to do without, for the host may have no more to give.
#pragma once

#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace quire::jffs2 {

/// A thread that runs `work`, or none (it is not joinable then).
template <typename F>
std::thread start_thread(F&& work) {
  try {
    return std::thread(std::forward<F>(work));
  } catch (const std::system_error&) {
    return {};
  }
}

/// Up to `most` threads that all run `work`; joined by their destructor.
class Helpers {
 public:
  template <typename F>
  Helpers(unsigned most, const F& work) {
    while (threads_.size() < most) {
      std::thread t = start_thread(work);
      if (!t.joinable()) break;
      threads_.push_back(std::move(t));
    }
  }
  ~Helpers() {
    for (std::thread& t : threads_) t.join();
  }
  Helpers(const Helpers&) = delete;
  Helpers& operator=(const Helpers&) = delete;

  bool none() const { return threads_.empty(); }

 private:
  std::vector<std::thread> threads_;
};

}  // namespace quire::jffs2
