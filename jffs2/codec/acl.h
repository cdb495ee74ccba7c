// POSIX ACLs: JFFS2's compact form against the form of the system.posix_acl_* attributes.
#pragma once

#include <vector>

#include "base/result.h"
#include "jffs2/codec/types.h"

namespace quire::jffs2 {

/// From the flash form {u32 1; {u16 tag, u16 perm [, u32 id for USER and GROUP]}...} in the image's
/// byte order to the Linux xattr form {le32 2; {le16 tag, le16 perm, le32 id}...}. EINVAL: malformed.
Result<std::vector<u8>> acl_to_xattr(std::span<const u8> flash, ByteOrder order);
/// And back.
Result<std::vector<u8>> acl_from_xattr(std::span<const u8> xattr, ByteOrder order);

}  // namespace quire::jffs2
