#pragma once
void begin(struct dev *);
void finish(struct dev *);
int begin_if(struct dev *);
void discard(struct dev *);
int discard_if_failed(struct dev *);
void quiet(void);
void loud(void);
struct dev *make_one(int);
int read_n(struct dev *);
int read_other(struct dev *);
void rest_a_while(struct dev *);
void *memory(size_t, int);
