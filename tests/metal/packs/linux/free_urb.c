/* An urb is counted: giving up a reference is no free. */
#include "../include/kernel.h"
struct urb { int status; void *buffer; };
void usb_free_urb(struct urb *);
struct urb *usb_get_urb(struct urb *);
int give_back(struct urb *u) {
	usb_get_urb(u);
	usb_free_urb(u);
	u->status = 0;
	kfree(u->buffer);
	usb_free_urb(u);
	return 0;
}
