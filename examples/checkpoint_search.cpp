// A search that keeps every state it may come back to as an address space.
//
// Solves the sliding 8-puzzle, best state first. The solver changes its one board and its one path in place
// and never undoes or copies them: before it goes on elsewhere it keeps the whole process's memory as an
// object (create_mm(MM_CLONE)), thousands of them at once, and goes back to whichever promises most by
// entering it (mm_switch). Board, path, heap and stack are then as they were when it was made. Only what lies
// in shared memory (which objects there are, which boards were seen, the counters) outlives a switch.
//
// usage: checkpoint_search [PUZZLE]      9 digits, row by row, 0 for the gap; solved is 123456780
#include <quire/mm.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr int cells = 9;
constexpr unsigned most_checkpoints = 60000;
constexpr const char* solved = "123456780";

// Private memory: goes back with every switch.
std::string board, path;
jmp_buf resume_here;  // where a restored address space goes on

struct Checkpoint {
  int cost;  // moves made, and at least so many to go
  int mm;
};

// Shared memory: survives.
struct Survivors {
  Checkpoint checkpoints[most_checkpoints];  // a heap, the cheapest on top
  unsigned count, most;
  long taken, entered;
  int present;                 // the descriptor of the address space entered last
  unsigned char seen[362880];  // by number of permutation
};
Survivors* kept;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "checkpoint_search: %s: %s\n", what, std::strerror(errno));
  if (errno == ENOSYS) std::fprintf(stderr, "checkpoint_search: %s\n", quire_mm_hint());
  _exit(1);
}

unsigned number_of(const std::string& b) {
  unsigned n = 0;
  for (int i = 0; i < cells; ++i) {
    unsigned smaller = 0;
    for (int k = i + 1; k < cells; ++k) smaller += b[static_cast<size_t>(k)] < b[static_cast<size_t>(i)];
    n = n * static_cast<unsigned>(cells - i) + smaller;
  }
  return n;
}

// Moves that are needed at least: each tile's way home.
int distance() {
  int sum = 0;
  for (int at = 0; at < cells; ++at) {
    if (board[static_cast<size_t>(at)] == '0') continue;
    const int home = board[static_cast<size_t>(at)] - '1';
    sum += std::abs(at / 3 - home / 3) + std::abs(at % 3 - home % 3);
  }
  return sum;
}

// Slides a tile into the gap; false where there is none.
bool slide(char direction) {
  const int gap = static_cast<int>(board.find('0'));
  int from = gap;
  switch (direction) {
    case 'u':
      from += 3;
      break;
    case 'd':
      from -= 3;
      break;
    case 'l':
      from += gap % 3 == 2 ? cells : 1;
      break;
    default:
      from -= gap % 3 == 0 ? cells : 1;
  }
  if (from < 0 || from >= cells) return false;
  std::swap(board[static_cast<size_t>(gap)], board[static_cast<size_t>(from)]);
  return true;
}
char opposite(char direction) {
  return direction == 'u' ? 'd' : direction == 'd' ? 'u' : direction == 'l' ? 'r' : 'l';
}

bool dearer(const Checkpoint& a, const Checkpoint& b) { return a.cost > b.cost; }

void take_checkpoint() {
  if (kept->count == most_checkpoints) errno = ENOSPC, fail("checkpoints");
  const int mm = create_mm(MM_CLONE);
  if (mm < 0) fail("create_mm");
  kept->checkpoints[kept->count++] = {static_cast<int>(path.size()) + distance(), mm};
  std::push_heap(kept->checkpoints, kept->checkpoints + kept->count, dearer);
  kept->most = std::max(kept->most, kept->count);
  ++kept->taken;
}

// Memory becomes what it was at the cheapest checkpoint; registers do not, so jump to where they agree.
[[noreturn]] void go_to_the_best() {
  if (kept->count == 0) {
    std::fprintf(stderr, "checkpoint_search: no solution\n");
    _exit(3);
  }
  std::pop_heap(kept->checkpoints, kept->checkpoints + kept->count, dearer);
  const int mm = kept->checkpoints[--kept->count].mm;
  ++kept->entered;
  kept->present = mm;
  // No function call may lie between the switch and the jump: its return address would be read from the
  // stack of the address space just entered.
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(long{QUIRE_NR_mm_switch}), "D"(long{mm})
                   : "rcx", "r11", "memory");
  if (result == 0) longjmp(resume_here, 1);
  errno = static_cast<int>(-result);
  fail("mm_switch");
}

void search() {
  if (setjmp(resume_here) != 0) {
    close(kept->present);
    if (board == solved) return;
    for (char direction : {'u', 'd', 'l', 'r'}) {
      if (!path.empty() && direction == opposite(path.back())) continue;
      if (!slide(direction)) continue;
      unsigned char& seen = kept->seen[number_of(board)];
      if (seen == 0 || seen > path.size() + 2) {
        seen = static_cast<unsigned char>(path.size() + 2);
        path.push_back(direction);
        take_checkpoint();
        path.pop_back();
      }
      slide(opposite(direction));
    }
  } else {
    take_checkpoint();
  }
  go_to_the_best();
}

}  // namespace

int main(int argc, char** argv) {
  board = argc > 1 ? argv[1] : "806547231";
  std::string sorted = board;
  std::sort(sorted.begin(), sorted.end());
  if (sorted != "012345678") {
    std::fprintf(stderr, "usage: checkpoint_search [PUZZLE: the digits 0 to 8 in some order]\n");
    return 2;
  }
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
  kept = static_cast<Survivors*>(
      mmap(nullptr, sizeof(Survivors), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (kept == MAP_FAILED) fail("mmap");
  search();
  std::printf("%s\n%zu moves; %ld checkpoints, %ld returns, at most %u address spaces at once\n",
              path.c_str(), path.size(), kept->taken, kept->entered, kept->most);
  return 0;
}
