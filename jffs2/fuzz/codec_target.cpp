#include <cstdlib>
#include <vector>

#include "jffs2/codec/acl.h"
#include "jffs2/codec/compress.h"
#include "jffs2/codec/summary.h"
#include "jffs2/fuzz/targets.h"

namespace quire::jffs2 {

void fuzz_codec(std::span<const u8> input) {
  if (input.size() < 4) return;
  ByteOrder order = (input[0] & 1) != 0 ? std::endian::big : std::endian::little;
  u8 what = input[1];
  u32 size = (input[2] | u32{input[3]} << 8) + 1;
  input = input.subspan(4);
  switch (what % 6) {
    case 0: {
      // Any decoder may refuse; what it accepts lies within the input.
      if (auto d = decode_dirent(input, order); d && d->size() > input.size()) std::abort();
      if (auto x = decode_xattr(input, order); x && x->size() > input.size()) std::abort();
      (void)decode_inode(input, order);
      (void)decode_xref(input, order);
      (void)entry_of_node(input, order);
      break;
    }
    case 1: {
      auto s = decode_summary(input, order);
      if (!s) break;
      for (const SummaryEntry& e : s->entries)
        if (e.offset > input.size() || e.totlen > input.size()) std::abort();
      break;
    }
    case 2: {
      std::vector<u8> out(size);
      (void)decompress(static_cast<Compression>(what / 6 % 10), input, out).has_value();
      break;
    }
    case 3: {
      // What is compressed expands to itself.
      std::vector<u8> stored, back(input.size());
      auto method = static_cast<Compression>(what / 6 % 8);
      if (!compress_with(method, input, size, stored)) break;
      if (stored.size() >= size || !decompress(method, stored, back)) std::abort();
      if (!std::equal(back.begin(), back.end(), input.begin())) std::abort();
      break;
    }
    case 4:
      if (auto x = acl_to_xattr(input, order))
        if (auto back = acl_from_xattr(*x, order); !back || back->size() != input.size()) std::abort();
      break;
    default:
      if (auto f = acl_from_xattr(input, order))
        if (!acl_to_xattr(*f, order)) std::abort();
      break;
  }
}

}  // namespace quire::jffs2
