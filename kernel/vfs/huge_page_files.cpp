#include "kernel/vfs/huge_page_files.h"

#include <charconv>

#include "kernel/vfs/process_info.h"

namespace quire::vfs {

TextFile::Generate huge_pages_text(u64 mm::HugePageCounts::* field) {
  return [field]() -> Result<std::string> {
    auto* p = processes();
    const u64 n = p != nullptr ? p->memory().huge_pages().counts().*field : 0;
    return std::to_string(n) + "\n";
  };
}

TextFile::Store store_huge_pages(bool overcommit) {
  return [overcommit](std::string_view text) -> Result<> {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    u64 n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || end != text.data() + text.size()) return err(EINVAL);
    auto* p = processes();
    if (p == nullptr) return err(EIO);
    mm::HugePool& pool = p->memory().huge_pages();
    if (overcommit)
      pool.set_overcommit(n);
    else
      pool.set_total(n);
    return {};
  };
}

}  // namespace quire::vfs
