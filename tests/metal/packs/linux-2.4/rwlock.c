// Reader-writer locks.
#include "../include/kernel.h"

int read_early(struct dev *d) {
	read_lock(&d->rw);
	if (work())
		return 1;  // expect: linux-2.4.rwlock
	read_unlock(&d->rw);
	return 0;
}
int read_early_right(struct dev *d) {
	int r;
	read_lock(&d->rw);
	r = work();
	read_unlock(&d->rw);
	return r;
}
void read_as_write(struct dev *d) {
	read_lock(&d->rw);
	write_unlock(&d->rw);  // expect: linux-2.4.rwlock
}
void read_as_read(struct dev *d) {
	read_lock(&d->rw);
	read_unlock(&d->rw);
}
void read_then_write(struct dev *d) {
	read_lock(&d->rw);
	write_lock(&d->rw);  // expect: linux-2.4.rwlock
	write_unlock(&d->rw);
}
void read_write_in_turn(struct dev *d) {
	read_lock(&d->rw);
	read_unlock(&d->rw);
	write_lock(&d->rw);
	write_unlock(&d->rw);
}
int read_loop(struct dev *d) {
	while (d->n) {
		read_lock(&d->rw);
		if (work())
			break;
		read_unlock(&d->rw);
	}
	return 0;  // expect: linux-2.4.rwlock
}
int read_loop_right(struct dev *d) {
	while (d->n) {
		read_lock(&d->rw);
		work();
		read_unlock(&d->rw);
	}
	return 0;
}
int read_conditional(struct dev *d, int l) {
	if (l)
		read_lock(&d->rw);
	work();
	if (l)
		read_unlock(&d->rw);
	return 0;
}
int write_early(struct dev *d) {
	write_lock(&d->rw);
	if (work())
		return 1;  // expect: linux-2.4.rwlock
	write_unlock(&d->rw);
	return 0;
}
int write_early_right(struct dev *d) {
	int r;
	write_lock(&d->rw);
	r = work();
	write_unlock(&d->rw);
	return r;
}
void write_as_read(struct dev *d) {
	write_lock(&d->rw);
	read_unlock(&d->rw);  // expect: linux-2.4.rwlock
}
void write_as_write(struct dev *d) {
	write_lock(&d->rw);
	write_unlock(&d->rw);
}
void write_then_read(struct dev *d) {
	write_lock(&d->rw);
	read_lock(&d->rw);  // expect: linux-2.4.rwlock
	read_unlock(&d->rw);
}
void write_read_in_turn(struct dev *d) {
	write_lock(&d->rw);
	write_unlock(&d->rw);
	read_lock(&d->rw);
	read_unlock(&d->rw);
}
int write_loop(struct dev *d) {
	while (d->n) {
		write_lock(&d->rw);
		if (work())
			break;
		write_unlock(&d->rw);
	}
	return 0;  // expect: linux-2.4.rwlock
}
int write_loop_right(struct dev *d) {
	while (d->n) {
		write_lock(&d->rw);
		work();
		write_unlock(&d->rw);
	}
	return 0;
}
int write_conditional(struct dev *d, int l) {
	if (l)
		write_lock(&d->rw);
	work();
	if (l)
		write_unlock(&d->rw);
	return 0;
}
void write_twice(struct dev *d) {
	write_lock(&d->rw);
	write_lock(&d->rw);  // expect: linux-2.4.rwlock
	write_unlock(&d->rw);
}
void read_twice(struct dev *d) {
	read_lock(&d->rw);
	read_lock(&d->rw);
	read_unlock(&d->rw);
	read_unlock(&d->rw);
}
int by_goto(struct dev *d) {
	read_lock(&d->rw);
	if (work())
		goto out;
	read_unlock(&d->rw);
	return 0;
out:
	return -1;  // expect: linux-2.4.rwlock
}
/* A lock is given back by whoever is handed what was found under it. */
struct entry { int id; struct entry *next; };
extern struct entry *entries;
extern rwlock_t entries_lock;
static struct entry *get_entry(int id) {
	struct entry *e;
	read_lock(&entries_lock);
	e = entries;
	while (e && e->id != id)
		e = e->next;
	if (!e)
		read_unlock(&entries_lock);
	return e;
}
static void put_entry(struct entry *e) {
	if (e)
		read_unlock(&entries_lock);
}
int by_entry(int id) {
	struct entry *e;
	if ((e = get_entry(id)))
		e->id = work();
	put_entry(e);
	return 0;
}
int by_entry_wrong(int id) {
	struct entry *e;
	if (!(e = get_entry(id)))
		return 0;
	if (work())
		return -1;  // expect: linux-2.4.rwlock
	put_entry(e);
	return 0;
}
/* Each round takes another one. */
extern rwlock_t many[];
int logical(int);
extern int processors;
void all_for_writing(int which) {
	int i;
	for (i = 0; i < processors; i++)
		write_lock(many + which * 8 + logical(i));
	work();
	for (i = 0; i < processors; i++)
		write_unlock(many + which * 8 + logical(i));
}
/* Its name says that the lock is held when it returns. */
void listen_wlock(struct dev *d) {
	write_lock(&d->rw);
	if (d->n)
		work();
}
