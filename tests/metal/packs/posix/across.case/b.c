/* The rules of pack posix across files: what is called. */
#include "../../include/posix.h"
#include "shared.h"

int open_log(void) { return open("log", O_RDONLY); }
void close_log(int fd) { close(fd); }
struct s *make(void)
{
	struct s *p = malloc(sizeof(struct s));
	return p;
}
void discard(struct s *p) { free(p); }
void begin(struct s *p) { pthread_mutex_lock(&p->m); }
void finish(struct s *p) { pthread_mutex_unlock(&p->m); }
static void say(const char *text) { printf("%s", text); }
void on_signal(int s) { say("stopped"); }
void on_signal_right(int s) { write(1, "x", 1); }
int enter(const char *d) { return chroot(d); }
int inside(void) { return chdir("/"); }
