// A search that takes back a move by going back to an older address space.
//
// The solver fills a sudoku by trial. It never undoes anything: before each guess it keeps the whole
// process's memory as an object (create_mm(MM_CLONE)), and when a guess leads nowhere it enters that
// object again (mm_switch). The board, the stack, the heap: all are as they were. Only what lies in
// shared memory (the list of checkpoints, the counters) outlives the switch.
//
// usage: checkpoint_search [PUZZLE]      81 digits, 0 or . for empty
#include <quire/mm.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace {

constexpr int cells = 81;
constexpr int most_checkpoints = 4096;

// Private memory: goes back with every switch.
int board[cells];
int cell, digit;      // the guess under way
jmp_buf resume_here;  // where a restored address space goes on

// Shared memory: survives.
struct Survivors {
  int checkpoint[most_checkpoints];
  int depth, most, entered;
  long taken, restored;
};
Survivors* kept;

bool allowed(int at, int value) {
  int row = at / 9, column = at % 9, box = row / 3 * 27 + column / 3 * 3;
  for (int i = 0; i < 9; ++i)
    if (board[row * 9 + i] == value || board[i * 9 + column] == value || board[box + i / 3 * 9 + i % 3] == value) return false;
  return true;
}

// The empty cell with the fewest possibilities: -1 if none is empty, -2 if one has none.
int most_constrained() {
  int best = -1, fewest = 10;
  for (int at = 0; at < cells; ++at) {
    if (board[at] != 0) continue;
    int n = 0;
    for (int v = 1; v <= 9; ++v) n += allowed(at, v);
    if (n == 0) return -2;
    if (n < fewest) fewest = n, best = at;
  }
  return best;
}

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "checkpoint_search: %s: %s\n", what, std::strerror(errno));
  if (errno == ENOSYS) std::fprintf(stderr, "checkpoint_search: %s\n", quire_mm_hint());
  _exit(1);
}

void take_checkpoint() {
  if (kept->depth == most_checkpoints) fail("too many checkpoints");
  int mm = create_mm(MM_CLONE);
  if (mm < 0) fail("create_mm");
  kept->checkpoint[kept->depth++] = mm;
  if (kept->depth > kept->most) kept->most = kept->depth;
  ++kept->taken;
}

// Memory becomes what it was at the last checkpoint; registers do not, so jump to where they agree.
[[noreturn]] void go_back() {
  if (kept->depth == 0) {
    std::printf("no solution\n");
    std::fflush(stdout);
    _exit(1);
  }
  int mm = kept->checkpoint[--kept->depth];
  ++kept->restored;
  kept->entered = mm;
  // No function call may lie between the switch and the jump: its return address would be read from the
  // stack of the address space just entered.
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(long{QUIRE_NR_mm_switch}), "D"(long{mm}) : "rcx", "r11", "memory");
  if (result == 0) longjmp(resume_here, 1);
  errno = static_cast<int>(-result);
  fail("mm_switch");
}

void solve() {
  for (;;) {
    cell = most_constrained();
    if (cell == -1) return;
    if (cell == -2) go_back();
    digit = 0;
    // A restored address space comes back here and tries the next digit.
    if (setjmp(resume_here) != 0) close(kept->entered);
    do ++digit;
    while (digit <= 9 && !allowed(cell, digit));
    if (digit > 9) go_back();
    take_checkpoint();
    board[cell] = digit;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const char* puzzle = argc > 1 ? argv[1]
                                : "8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4..";
  if (std::strlen(puzzle) != cells) {
    std::fprintf(stderr, "usage: checkpoint_search [PUZZLE of 81 digits]\n");
    return 2;
  }
  kept = static_cast<Survivors*>(mmap(nullptr, sizeof(Survivors), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (kept == MAP_FAILED) fail("mmap");
  for (int i = 0; i < cells; ++i) board[i] = puzzle[i] >= '1' && puzzle[i] <= '9' ? puzzle[i] - '0' : 0;
  solve();
  for (int i = 0; i < cells; ++i) std::printf("%d%s", board[i], i % 9 == 8 ? "\n" : " ");
  std::printf("%ld checkpoints, %ld returns, at most %d address spaces at once\n", kept->taken, kept->restored, kept->most);
  return 0;
}
