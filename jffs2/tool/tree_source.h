// A tree read from one image as the source of another.
#pragma once

#include "jffs2/tool/source.h"
#include "jffs2/tool/tree.h"

namespace quire::jffs2 {

/// Everything that can be read; names that are no names are dropped, unnamed files go to
/// /lost+found/INO, what is lost of a file reads as zeros. The tree must outlive the result.
SourceTree source_of(const Tree& tree);

}  // namespace quire::jffs2
