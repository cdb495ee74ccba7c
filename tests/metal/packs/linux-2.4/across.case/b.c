/* Reader-writer locks and saved flags across files: what is called. */
#include "../../include/kernel.h"
void look(struct dev *d) { read_lock(&d->rw); }
void leave(struct dev *d) { read_unlock(&d->rw); }
void back(unsigned long saved)
{
	restore_flags(saved); // expect: linux-2.4.flags
}
