#include "kernel/syscall/table.h"

#include <vector>

namespace quire::syscall {

task::SyscallTable system_call_table() {
  static const std::vector<const task::SyscallRow*> table = [] {
    std::vector<const task::SyscallRow*> by_number;
    for (auto rows : {task_rows(), memory_rows(), file_rows(), net_rows()})
      for (const task::SyscallRow& row : rows) {
        if (row.number >= by_number.size()) by_number.resize(row.number + 1);
        by_number[row.number] = &row;
      }
    return by_number;
  }();
  return table;
}

}  // namespace quire::syscall
