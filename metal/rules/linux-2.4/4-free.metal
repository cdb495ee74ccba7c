rule "linux-2.4.free" {
  severity: error;
  text: "Memory is not used after it was freed, nor freed twice.";
  category: "CWE-416";
  example: "kfree(p); printk(\"%d\", p->count);";
  fix: "Read what is needed first, or set the pointer to null.";
  false_positives: "Reference counts that are taken in another way than by skb_get or on users; lists whose head is read again after the element was taken off through another name (a pointer in memory is only warned of).";
}
sm use_after_free {
  // Reports that take a longer way were all false where they were read: docs/metal-kernels.md.
  set longest_path = 24;
  state decl any_pointer v;
  decl any_expr x;
  pat release = { kfree(v) } | { vfree(v) } | { kfree_skb(v) } | { dev_kfree_skb(v) } | { kmem_cache_free(x, v) } | { usb_free_urb(v) };
  // A reference of one's own: what is freed next is only that.
  pat counted = { skb_get(v) } | { atomic_inc(&v->users) };
  start: release ==> v.freed, { mc_remember(mc_identifier(v)); }
    | counted ==> v.counted;
  v.counted: release ==> v.stop;
  // A pointer in memory may have been given another object since, through a name that is not known here: unless it is
  // the very expression that was freed, that is only warned of.
  v.freed: release && ${ mc_is_local_storage(v) || mc_identifier(v) == mc_remembered() } ==> v.stop, { err("%s is freed twice", mc_identifier(v)); }
    | release ==> v.stop, { warn("%s is freed twice, unless it was changed meanwhile", mc_identifier(v)); }
    | { *v } && ${ mc_is_local_storage(v) || mc_identifier(v) == mc_remembered() } ==> v.stop, { err("%s is used after it was freed", mc_identifier(v)); }
    | { *v } ==> v.stop, { warn("%s is used after it was freed, unless it was changed meanwhile", mc_identifier(v)); };
}
