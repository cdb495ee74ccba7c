// One input of a fuzz target may take so much CPU time. libFuzzer's own -timeout goes by the clock, and
// reports an innocent input where something stops the process for a while. The target is linked with
// --wrap=LLVMFuzzerTestOneInput, so that libFuzzer calls what stands here.
#include <sys/time.h>

#include <csignal>
#include <cstddef>
#include <cstdlib>

namespace {

constexpr long kSeconds = 60;

void limit(long seconds) {
  const itimerval timer{{0, 0}, {seconds, 0}};
  (void)setitimer(ITIMER_PROF, &timer, nullptr);
}

}  // namespace

extern "C" int __real_LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

extern "C" int __wrap_LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  // libFuzzer keeps the input at which the process aborts.
  (void)std::signal(SIGPROF, [](int) { std::abort(); });
  limit(kSeconds);
  const int result = __real_LLVMFuzzerTestOneInput(data, size);
  limit(0);
  return result;
}
