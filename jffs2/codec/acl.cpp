#include "jffs2/codec/acl.h"

#include <array>

#include "base/byte_order.h"

namespace quire::jffs2 {
namespace {

constexpr u32 kFlashVersion = 1;
constexpr u32 kXattrVersion = 2;
constexpr u16 kTagUser = 0x02;
constexpr u16 kTagGroup = 0x08;
constexpr u32 kNoId = 0xFFFFFFFF;

bool has_id(u16 tag) { return tag == kTagUser || tag == kTagGroup; }
/// Exactly one bit of ACL_USER_OBJ (1) .. ACL_OTHER (0x20).
bool valid_tag(u16 tag) { return tag != 0 && (tag & (tag - 1)) == 0 && tag <= 0x20; }

template <typename T>
void append(std::vector<u8>& out, T v, ByteOrder order) {
  std::array<u8, sizeof(T)> b;
  store(b.data(), v, order);
  out.insert(out.end(), b.begin(), b.end());
}

}  // namespace

Result<std::vector<u8>> acl_to_xattr(std::span<const u8> flash, ByteOrder order) {
  if (flash.size() < 4 || load<u32>(flash.data(), order) != kFlashVersion) return err(EINVAL);
  std::vector<u8> out;
  append(out, kXattrVersion, std::endian::little);
  flash = flash.subspan(4);
  while (!flash.empty()) {
    if (flash.size() < 4) return err(EINVAL);
    u16 tag = load<u16>(flash.data(), order);
    u16 perm = load<u16>(flash.data() + 2, order);
    u32 size = has_id(tag) ? 8 : 4;
    if (!valid_tag(tag) || flash.size() < size) return err(EINVAL);
    append(out, tag, std::endian::little);
    append(out, perm, std::endian::little);
    append(out, has_id(tag) ? load<u32>(flash.data() + 4, order) : kNoId, std::endian::little);
    flash = flash.subspan(size);
  }
  return out;
}

Result<std::vector<u8>> acl_from_xattr(std::span<const u8> xattr, ByteOrder order) {
  constexpr ByteOrder little = std::endian::little;
  if (xattr.size() < 4 || xattr.size() % 8 != 4 || load<u32>(xattr.data(), little) != kXattrVersion)
    return err(EINVAL);
  std::vector<u8> out;
  append(out, kFlashVersion, order);
  for (xattr = xattr.subspan(4); !xattr.empty(); xattr = xattr.subspan(8)) {
    u16 tag = load<u16>(xattr.data(), little);
    if (!valid_tag(tag)) return err(EINVAL);
    append(out, tag, order);
    append(out, load<u16>(xattr.data() + 2, little), order);
    if (has_id(tag)) append(out, load<u32>(xattr.data() + 4, little), order);
  }
  return out;
}

}  // namespace quire::jffs2
