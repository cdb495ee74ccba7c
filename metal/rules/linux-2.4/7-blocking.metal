// Marks functions that may sleep, by direct calls. What an allocation does depends on its flags, also through wrappers.
sm may_sleep_2_4 {
  decl any_fn_call fn;
  decl any_arguments args;
  decl any_scalar size, gfp;
  decl any_expr cache, l;
  decl any_scalar flags;
  data own;  // locks that it holds itself
  list blocking = file("blocking.txt");
  set wait_bit = 1;  // __GFP_WAIT of 2.4.0
  pat allocation = { kmalloc(size, gfp) } | { __get_free_pages(gfp, size) } | { get_free_page(gfp) } | { alloc_skb(size, gfp) }
    | { kmem_cache_alloc(cache, gfp) } | { skb_clone(cache, gfp) } | { skb_copy(cache, gfp) } | { get_zeroed_page(gfp) } | { alloc_pages(gfp, size) };
  pat take = { spin_lock(l) } | { spin_lock_irq(l) } | { spin_lock_bh(l) } | { spin_lock_irqsave(l, flags) }
    | { read_lock(l) } | { read_lock_irq(l) } | { read_lock_bh(l) } | { read_lock_irqsave(l, flags) }
    | { write_lock(l) } | { write_lock_irq(l) } | { write_lock_bh(l) } | { write_lock_irqsave(l, flags) };
  pat release = { spin_unlock(l) } | { spin_unlock_irq(l) } | { spin_unlock_bh(l) } | { spin_unlock_irqrestore(l, flags) }
    | { read_unlock(l) } | { read_unlock_irq(l) } | { read_unlock_bh(l) } | { read_unlock_irqrestore(l, flags) }
    | { write_unlock(l) } | { write_unlock_irq(l) } | { write_unlock_bh(l) } | { write_unlock_irqrestore(l, flags) };
  // What comes after the caller's lock was dropped, or interrupts were turned on, is no concern of the caller's.
  // Three deep is deep enough: a loop that seems to take locks only would make every depth a case of its own.
  start: take && ${ own < 3 } ==> { own += 1; }
    | take ==> start
    | release && ${ own > 0 } ==> { own -= 1; }
    | release ==> stop
    | { sti() } | { __sti() } ==> stop
    | allocation && ${ mc_is_const(gfp) && (mc_value(gfp) & wait_bit) != 0 } ==> { mc_annotate(mc_function(), "sleeps-2.4"); }
    | allocation ==> start  // what they do below depends on the flags
    | { fn(args) } && ${ !mc_in_function("panic") && (mc_in(fn, blocking) || (!mc_is_indirect(fn) && mc_annotated(fn, "sleeps-2.4"))) } ==> { mc_annotate(mc_function(), "sleeps-2.4"); };  // who panics does not come back to be awaited
}

rule "linux-2.4.blocking" {
  severity: error;
  text: "Nothing that may sleep is called with interrupts off or a spin lock held.";
  category: "CWE-833";
  example: "spin_lock(&l); p = kmalloc(n, GFP_KERNEL);";
  fix: "Use GFP_ATOMIC, or allocate before taking the lock.";
  false_positives: "2.4 drops interrupts-off across schedule() for old cli() users; some of them mean it; function pointers that never lead to the sleeper at this place (only warned of).";
}
sm blocking {
  // Reports that take a longer way were all false where they were read: docs/metal-kernels.md.
  set longest_path = 24;
  decl any_fn_call fn;
  decl any_arguments args;
  decl any_scalar size, gfp;
  decl any_expr l, cache;
  decl any_scalar flags;  // drivers keep them in signed words too
  data locks;
  list blocking = file("blocking.txt");
  list with_cli = file("waits_with_cli.txt");
  set wait_bit = 1;
  pat take = { spin_lock(l) } | { spin_lock_irq(l) } | { spin_lock_bh(l) } | { spin_lock_irqsave(l, flags) }
    | { read_lock(l) } | { read_lock_irq(l) } | { read_lock_bh(l) } | { read_lock_irqsave(l, flags) }
    | { write_lock(l) } | { write_lock_irq(l) } | { write_lock_bh(l) } | { write_lock_irqsave(l, flags) };
  pat release = { spin_unlock(l) } | { spin_unlock_irq(l) } | { spin_unlock_bh(l) } | { spin_unlock_irqrestore(l, flags) }
    | { read_unlock(l) } | { read_unlock_irq(l) } | { read_unlock_bh(l) } | { read_unlock_irqrestore(l, flags) }
    | { write_unlock(l) } | { write_unlock_irq(l) } | { write_unlock_bh(l) } | { write_unlock_irqrestore(l, flags) };
  pat disable = { cli() } | { __cli() };
  pat enable = { sti() } | { __sti() } | { restore_flags(flags) } | { __restore_flags(flags) };
  pat allocation = { kmalloc(size, gfp) } | { __get_free_pages(gfp, size) } | { get_free_page(gfp) } | { alloc_skb(size, gfp) }
    | { kmem_cache_alloc(cache, gfp) } | { skb_clone(cache, gfp) } | { skb_copy(cache, gfp) } | { get_zeroed_page(gfp) } | { alloc_pages(gfp, size) };
  pat sleeps = { fn(args) } && ${ mc_in(fn, blocking) || (!mc_is_indirect(fn) && mc_annotated(fn, "sleeps-2.4")) };
  // What a pointer may lead to by its type or field need not be what it leads to here.
  pat perhaps = { fn(args) } && ${ mc_is_indirect(fn) && mc_annotated(fn, "sleeps-2.4") };
  pat allocates = allocation && ${ mc_is_const(gfp) && (mc_value(gfp) & wait_bit) != 0 };

  // The big kernel lock is dropped by whoever sleeps: it forbids nothing.
  pat big_lock = { lock_kernel() } | { unlock_kernel() };

  free: big_lock ==> free
    | take ==> locked, { locks = 1; }
    | disable ==> off;
  locked: take && ${ locks < 3 } ==> { locks += 1; }
    | take ==> locked
    | release && ${ locks <= 1 } ==> free, { locks = 0; }
    | release ==> { locks -= 1; }
    | allocates ==> { err("this allocation may sleep, and a spin lock is held"); }
    | allocation ==> locked
    | sleeps ==> { err("%s may sleep, and a spin lock is held", mc_identifier(fn)); }
    | perhaps ==> { warn("a function that %s may lead to may sleep, and a spin lock is held", mc_identifier(fn)); };
  off: enable ==> free
    | { fn(args) } && ${ mc_in(fn, with_cli) } ==> off
    | allocates ==> { err("this allocation may sleep, and interrupts are off"); }
    | allocation ==> off
    | sleeps ==> { err("%s may sleep, and interrupts are off", mc_identifier(fn)); }
    | perhaps ==> { warn("a function that %s may lead to may sleep, and interrupts are off", mc_identifier(fn)); };
}
