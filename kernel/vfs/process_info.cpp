#include "kernel/vfs/process_info.h"

namespace quire::vfs {
namespace {
std::atomic<Processes*> instance{nullptr};
}

Processes* processes() { return instance.load(std::memory_order_acquire); }
void set_processes(Processes* p) { instance.store(p, std::memory_order_release); }

}  // namespace quire::vfs
