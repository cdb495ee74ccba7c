// The commands of `metal`, one function each. Arguments are those after the command's name.
#pragma once

#include <string>
#include <vector>

namespace quire::metal {

/// 0 clean, 1 findings, 2 wrong use or broken rule, 3 nothing found but not all was analysed.
inline constexpr int kClean = 0, kFindings = 1, kWrongUse = 2, kIncomplete = 3;

int check_command(const std::vector<std::string>& arguments);
int explain_command(const std::vector<std::string>& arguments);
int test_command(const std::vector<std::string>& arguments);
int index_command(const std::vector<std::string>& arguments);

}  // namespace quire::metal
