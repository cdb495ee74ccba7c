#pragma once
int open_log(void);
void close_log(int);
struct s *make(void);
void discard(struct s *);
void begin(struct s *);
void finish(struct s *);
void on_signal(int);
void on_signal_right(int);
int enter(const char *);
int inside(void);
