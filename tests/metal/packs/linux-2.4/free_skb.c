// A buffer handed over and then looked at.
#include "../include/kernel.h"

int bad(struct sk_buff *skb) {
	kfree_skb(skb);
	return skb->len; // expect: linux-2.4.free
}
int good(struct sk_buff *skb) {
	int n = skb->len;
	kfree_skb(skb);
	return n;
}
