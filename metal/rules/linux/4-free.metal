// Marks functions that give up one reference of several: what they free was the last one's, and who calls them has others.
sm puts {
  decl any_expr x, y;
  decl any_pointer l;
  pat last = { refcount_dec_and_test(x) } | { atomic_dec_and_test(x) } | { atomic_long_dec_and_test(x) } | { refcount_sub_and_test(y, x) }
    | { refcount_dec_and_lock(x, l) } | { refcount_dec_and_mutex_lock(x, l) } | { atomic_dec_and_lock(x, l) } | { refcount_dec_and_lock_irqsave(x, l, y) }
    | { atomic_dec_and_lock_irqsave(x, l, y) } | { kref_put(x, y) } | { kref_put_lock(x, y, l) } | { kref_put_mutex(x, y, l) }
    | { atomic_sub_and_test(y, x) };
  start: last ==> { mc_annotate(mc_function(), "puts"); };
}

rule "linux.free" {
  severity: error;
  text: "Memory is not used after it was freed, nor freed twice.";
  category: "CWE-416";
  example: "kfree(p); printk(\"%d\", p->count);";
  fix: "Read what is needed first, or set the pointer to null.";
  false_positives: "Reference counts that are given up in another way than by refcount_t, kref or atomic_dec_and_test (functions that do are not followed); lists whose head is read again after the element was taken off through another name (a pointer in memory is only warned of).";
}
sm use_after_free {
  // Reports that take a longer way were all false where they were read: docs/metal-kernels.md.
  set longest_path = 24;
  state decl any_pointer v;
  decl any_expr x;
  decl any_fn_call fn;
  decl any_arguments args;
  // usb_free_urb is no free of this kind: it gives up one of several references.
  pat release = { kfree(v) } | { vfree(v) } | { kfree_skb(v) } | { consume_skb(v) } | { kvfree(v) } | { kfree_sensitive(v) } | { kmem_cache_free(x, v) };
  // A reference of one's own: what is freed next is only that.
  pat counted = { skb_get(v) } | { atomic_inc(&v->users) } | { refcount_inc(&v->users) };
  start: { fn(args) } && ${ !mc_is_indirect(fn) && mc_annotated(fn, "puts") } ==> start
    | release ==> v.freed, { mc_remember(mc_identifier(v)); }
    | counted ==> v.counted;
  v.counted: release ==> v.stop;
  // A pointer in memory may have been given another object since, through a name that is not known here: unless it is
  // the very expression that was freed, that is only warned of.
  v.freed: release && ${ mc_is_local_storage(v) || mc_identifier(v) == mc_remembered() } ==> v.stop, { err("%s is freed twice", mc_identifier(v)); }
    | release ==> v.stop, { warn("%s is freed twice, unless it was changed meanwhile", mc_identifier(v)); }
    | { *v } && ${ mc_is_local_storage(v) || mc_identifier(v) == mc_remembered() } ==> v.stop, { err("%s is used after it was freed", mc_identifier(v)); }
    | { *v } ==> v.stop, { warn("%s is used after it was freed, unless it was changed meanwhile", mc_identifier(v)); };
}
