// A mutex.
#include "../include/kernel.h"

int bad(struct mutex *m) {
	mutex_lock(m);
	if (work())
		return -1; // expect: linux.lock
	mutex_unlock(m);
	return 0;
}
int good(struct mutex *m) {
	if (!mutex_trylock(m))
		return -1;
	mutex_unlock(m);
	return 0;
}
/* What a stream's lock is depends on its device; the stream is what is locked. */
struct stream { struct dev *device; struct mutex own; spinlock_t lock; int nonatomic; };
void snd_pcm_stream_lock_irq(struct stream *s) {
	if (s->nonatomic)
		mutex_lock(&s->own);
	else
		spin_lock_irq(&s->lock);
}
void snd_pcm_stream_unlock_irq(struct stream *s) {
	if (s->nonatomic)
		mutex_unlock(&s->own);
	else
		spin_unlock_irq(&s->lock);
}
int resets(struct stream *s) {
	snd_pcm_stream_lock_irq(s);
	work();
	snd_pcm_stream_unlock_irq(s);
	return 0;
}
int resets_wrong(struct stream *s) {
	snd_pcm_stream_lock_irq(s);
	if (work())
		return -1; // expect: linux.lock
	snd_pcm_stream_unlock_irq(s);
	return 0;
}
