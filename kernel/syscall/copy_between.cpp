#include "kernel/syscall/copy_between.h"

#include <algorithm>

namespace quire::syscall {

namespace {
constexpr u64 max_iovecs = 1024, max_transfer = 0x7ffff000;
}  // namespace

Result<std::vector<GuestIovec>> read_iovecs(mm::AddressSpace& mm, GuestAddr at, u64 n) {
  if (n > max_iovecs) return err(EINVAL);
  std::vector<GuestIovec> v(n);
  TRY_VOID(mm.copy_in(v.data(), at, n * sizeof v[0]));
  u64 sum = 0;
  for (GuestIovec& p : v) {
    if (static_cast<i64>(p.length) < 0) return err(EINVAL);
    p.length = std::min(p.length, max_transfer - sum);
    sum += p.length;
  }
  return v;
}

Result<u64> copy_between(mm::AddressSpace& from_mm, mm::AddressSpace& to_mm, std::vector<GuestIovec>& from,
                         std::vector<GuestIovec>& to) {
  std::vector<std::byte> buffer(64 * 1024);
  u64 done = 0;
  std::size_t f = 0, t = 0;
  while (f < from.size() && t < to.size()) {
    if (from[f].length == 0) {
      ++f;
      continue;
    }
    if (to[t].length == 0) {
      ++t;
      continue;
    }
    const u64 n = std::min({from[f].length, to[t].length, u64{buffer.size()}});
    const std::size_t in = from_mm.copy_in_some(buffer.data(), GuestAddr(from[f].base), n);
    const std::size_t out = to_mm.copy_out_some(GuestAddr(to[t].base), buffer.data(), in);
    done += out;
    if (out < n) break;
    for (GuestIovec* p : {&from[f], &to[t]}) {
      p->base += n;
      p->length -= n;
    }
  }
  const bool wanted =
      std::any_of(from.begin(), from.end(), [](const GuestIovec& p) { return p.length != 0; }) &&
      std::any_of(to.begin(), to.end(), [](const GuestIovec& p) { return p.length != 0; });
  if (done == 0 && wanted) return err(EFAULT);
  return done;
}

}  // namespace quire::syscall
