// What execve does with scripts, broken and hostile files, and what survives it.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;
static void handler(int s) { (void)s; }
static char directory[] = "/tmp/exec-test-XXXXXX";
static char path[200];

static const char* file(const char* name, const void* bytes, size_t n, int mode) {
  snprintf(path, sizeof path, "%s/%s", directory, name);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
  if (write(fd, bytes, n) != (ssize_t)n) abort();
  fchmod(fd, (mode_t)mode);
  close(fd);
  return path;
}

static void run(const char* what, const char* program, char* const argv[]) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    execve(program, argv, environ);
    printf("%s: %s\n", what, strerrorname_np(errno));
    fflush(stdout);
    _exit(99);
  }
  int status;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    printf("%s: signal\n", what);
  else if (WEXITSTATUS(status) != 99)
    printf("%s: exit %d\n", what, WEXITSTATUS(status));
}

static void run_elf(const char* what, Elf64_Ehdr* e, Elf64_Phdr* p, size_t bytes) {
  char image[8192] = {0};
  memcpy(image, e, sizeof *e);
  memcpy(image + sizeof *e, p, sizeof *p * 2);
  char* argv[] = {"x", NULL};
  run(what, file("elf", image, bytes, 0700), argv);
}

int main(int argc, char** argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (argc > 1 && strcmp(argv[1], "second") == 0) {
    // After exec: what is kept and what is not.
    struct sigaction a;
    sigaction(SIGUSR1, NULL, &a);
    printf("handled became default: %d\n", a.sa_handler == SIG_DFL);
    sigaction(SIGUSR2, NULL, &a);
    printf("ignored stays: %d\n", a.sa_handler == SIG_IGN);
    sigset_t set;
    sigprocmask(SIG_BLOCK, NULL, &set);
    printf("mask stays: %d\n", sigismember(&set, SIGTERM));
    sigpending(&set);
    printf("pending stays: %d\n", sigismember(&set, SIGTERM));
    printf("close-on-exec: %s\n", fcntl(atoi(argv[2]), F_GETFD) < 0 ? strerrorname_np(errno) : "open");
    printf("kept: %d\n", fcntl(atoi(argv[3]), F_GETFD) >= 0);
    printf("argc %d, last '%s', empty '%s'\n", argc, argv[argc - 1], argv[4]);
    return 0;
  }
  if (mkdtemp(directory) == NULL) return 1;
  char* none[] = {"x", NULL};
  run("missing", "/no/such/file", none);
  run("directory", "/tmp", none);
  run("no permission", file("noexec", "#!/bin/sh\n", 10, 0600), none);
  run("empty", file("empty", "", 0, 0700), none);
  run("text", file("text", "hello\n", 6, 0700), none);
  run("not a directory", "/bin/sh/x", none);
  char* words[] = {"script", "a", "b c", NULL};
  const char* script = "#!/bin/echo  one two\n";
  file("script", script, strlen(script), 0700);
  if (chdir(directory) != 0) return 1;
  run("script", "./script", words);
  run("script without interpreter", file("noint", "#!\n", 3, 0700), none);
  run("missing interpreter", file("badint", "#!/no/such\n", 11, 0700), none);
  char self[300];
  snprintf(self, sizeof self, "#!%s/loop\n", directory);
  run("script of itself", file("loop", self, strlen(self), 0700), none);
  char* huge = malloc(200000);
  memset(huge, 'x', 199999);
  huge[199999] = 0;
  char* big[] = {"x", huge, NULL};
  run("argument too long", "/bin/true", big);

  Elf64_Ehdr e = {.e_type = ET_EXEC,
                  .e_machine = EM_X86_64,
                  .e_version = 1,
                  .e_entry = 0x400000,
                  .e_phoff = sizeof e,
                  .e_ehsize = sizeof e,
                  .e_phentsize = sizeof(Elf64_Phdr),
                  .e_phnum = 2};
  memcpy(e.e_ident, ELFMAG, SELFMAG);
  e.e_ident[EI_CLASS] = ELFCLASS64;
  e.e_ident[EI_DATA] = ELFDATA2LSB;
  e.e_ident[EI_VERSION] = 1;
  Elf64_Phdr p[2] = {{.p_type = PT_LOAD,
                      .p_flags = 5,
                      .p_offset = 0,
                      .p_vaddr = 0x400000,
                      .p_filesz = 4096,
                      .p_memsz = 4096,
                      .p_align = 4096},
                     {.p_type = PT_NULL}};
  e.e_machine = EM_386;
  run_elf("other machine", &e, p, 8192);
  e.e_machine = EM_X86_64;
  run_elf("only the header", &e, p, 20);
  e.e_phnum = 0;
  run_elf("no segments", &e, p, 8192);
  e.e_phnum = 2;
  e.e_phentsize = 7;
  run_elf("odd entries", &e, p, 8192);
  e.e_phentsize = sizeof(Elf64_Phdr);
  e.e_entry = 0x999000;
  run_elf("entry nowhere", &e, p, 8192);
  e.e_entry = 0x400000;
  run_elf("zeros as code", &e, p, 8192);
  p[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = 4096, .p_filesz = 1};
  run_elf("interpreter of one byte", &e, p, 8192);

  // A good one, with everything that exec must keep or drop.
  signal(SIGUSR1, handler);
  signal(SIGUSR2, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  raise(SIGTERM);
  char closed[12], kept[12];
  snprintf(closed, sizeof closed, "%d", open("/", O_RDONLY | O_CLOEXEC));
  snprintf(kept, sizeof kept, "%d", open("/", O_RDONLY));
  char clean[100];
  snprintf(clean, sizeof clean, "rm -r %s", directory);
  if (system(clean) != 0) return 1;
  char* again[] = {argv[0], "second", closed, kept, "", "last", NULL};
  execv("/proc/self/exe", again);
  perror("exec");
  return 1;
}
