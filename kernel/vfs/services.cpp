#include "kernel/vfs/services.h"

namespace quire::vfs {

Services& services() {
  static Services* s = new Services;
  return *s;
}

}  // namespace quire::vfs
